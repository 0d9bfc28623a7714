/** Short news at the edge of the page. What failed stays until it is closed. */
import { sentence } from "../api/client";

export interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

let toasts = $state<Toast[]>([]);
let next = 0;

export const shown = (): Toast[] => toasts;

export function tell(text: string): void {
  const id = add(text, "good");
  setTimeout(() => dismiss(id), 6000);
}

export function complain(error: unknown): void {
  add(sentence(error), "bad");
}

export function dismiss(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
}

function add(text: string, tone: Toast["tone"]): number {
  next += 1;
  toasts = [...toasts.filter((toast) => toast.text !== text), { id: next, text, tone }].slice(-4);
  return next;
}
