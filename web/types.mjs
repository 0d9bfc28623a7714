/** Writes src/api/schema.ts anew from the API's OpenAPI document: npm run types. PYTHON names an interpreter with Fallow. */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import openapiTypescript, { astToString } from "openapi-typescript";

const OWN = "../.venv/bin/python";
const python = process.env.PYTHON ?? (existsSync(OWN) ? OWN : "python3");
const document = JSON.parse(execFileSync(python, ["openapi.py"], { encoding: "utf8", maxBuffer: 1 << 26 }));
for (const calls of Object.values(document.paths)) {
  delete calls.head; // they answer as their GET does
  for (const call of Object.values(calls)) delete call.operationId; // made up, not always in the same way
}
const types = astToString(await openapiTypescript(document, { alphabetize: true }));
const text = `/** What the API takes and gives, made from its OpenAPI document by \`npm run types\`. */\n\n${types}`;
const target = process.argv[2] ?? "src/api/schema.ts";
if (target === "-") process.stdout.write(text);
else writeFileSync(target, text);
