/** Sends a file with tus-js-client, as a program of somebody's own would: node tus_client.mjs WEB ENDPOINT JOB FILE */
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [web, endpoint, job, file] = process.argv.slice(2);
const tus = createRequire(`${web}/package.json`)("tus-js-client");
let retries = 0;
const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  chunkSize: 2 << 20,
  metadata: { job, filename: "noise.bin" },
  retryDelays: Array(50).fill(100),
  onShouldRetry: () => (retries += 1) > 0,
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, retries })),
});
upload.start();
