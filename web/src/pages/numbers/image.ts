/** A chart as a PNG: on the colour of its card, with its title. */
import type { Colours } from "../../ui/colours";

const EDGE = 20; // CSS pixels
const TITLE = 34;

export async function png(chart: HTMLCanvasElement, title: string, colours: Colours): Promise<Blob> {
  const ratio = chart.width / Math.max(1, chart.clientWidth);
  const image = document.createElement("canvas");
  image.width = chart.width + 2 * EDGE * ratio;
  image.height = chart.height + (2 * EDGE + TITLE) * ratio;
  const context = image.getContext("2d")!;
  context.fillStyle = colours("surface");
  context.fillRect(0, 0, image.width, image.height);
  context.fillStyle = colours("ink");
  context.font = `600 ${17 * ratio}px Georgia, serif`;
  context.textBaseline = "top";
  context.fillText(title, EDGE * ratio, EDGE * ratio);
  context.drawImage(chart, EDGE * ratio, (EDGE + TITLE) * ratio);
  return new Promise((done, failed) =>
    image.toBlob((blob) => (blob ? done(blob) : failed(new Error("the browser makes no PNG of it"))), "image/png"),
  );
}

/** Has the browser save it. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
