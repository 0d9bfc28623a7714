/** What the API answers, by the names the page uses. */

export type JobState = "uploading" | "splitting" | "encoding" | "joining" | "done" | "failed" | "cancelled";
export const STATES: JobState[] = ["uploading", "splitting", "encoding", "joining", "done", "failed", "cancelled"];
export type Priority = "high" | "normal" | "low";
export const PRIORITIES: Priority[] = ["high", "normal", "low"];
export type Role = "viewer" | "submitter" | "admin";

export interface Me {
  name: string;
  role: Role;
  login: boolean;
  via: "loopback" | "session" | "token";
}

export interface JobSummary {
  id: string;
  name: string;
  state: JobState;
  paused: boolean;
  priority: Priority;
  owner: string;
  created: number;
  updated: number;
  error: string;
  frames_done: number;
  frames_total: number;
  progress: number;
  fps: number;
  eta: number | null;
  wall_seconds: number;
  cpu_seconds: number;
  joules: number | null;
  known_by: string[];
  renditions: string[];
  size: number | null;
  duration: number | null;
  play_url: string | null;
}

export interface RenditionView {
  name: string;
  state: JobState;
  chunks_done: number;
  chunks_total: number;
  frames_done: number;
  frames_total: number;
  fps: number;
  size: number | null;
  result_url: string | null;
  facts: Record<string, unknown> | null;
}

export interface RunningView {
  task: string;
  kind: string;
  rendition: string;
  number: number;
  worker: string;
  worker_name: string;
  frames: number;
  done_frames: number;
  fps: number;
}

export interface ShareView {
  worker: string;
  name: string;
  tasks: number;
  frames: number;
  wall_seconds: number;
  cpu_seconds: number;
  bytes_in: number;
  bytes_out: number;
}

export interface JobView extends Omit<JobSummary, "renditions"> {
  error_kind: string;
  source: Record<string, unknown> | null;
  options: JobOptions;
  renditions: RenditionView[];
  tasks_running: RunningView[];
  shares: ShareView[];
  warnings: string[];
  fetched: { bytes: number; length: number | null; error: string } | null;
  waits: string;
}

export interface JobOptions {
  container: string;
  chunk_seconds: number;
  accept_damaged: boolean;
  priority: Priority;
  ladder: boolean;
  segment_seconds: number;
  measures: string; // the job whose rendition this one measures; "": it encodes
}

/** A rendition that is measured, or was: by a job of its own. */
export interface Measurement {
  rendition: string;
  job: string;
  state: JobState;
  progress: number;
  eta: number | null;
  error: string;
  warnings: string[];
}

export interface Score {
  vmaf: number;
  psnr: number; // dB
}

export interface Moment extends Score {
  seconds: number;
  frame: number;
}

export interface Curve {
  model: string;
  frames: number;
  mean: Score;
  low: Score;
  step: number;
  curve: [seconds: number, vmaf: number, psnr: number][];
  worst: Moment[];
}

export interface Named {
  id: string;
  name: string;
}

export interface JobMap {
  chunks: number;
  renditions: string[];
  cells: Record<string, string>;
  workers: Named[];
  at: Record<string, Record<string, [number, number]>>;
}

export interface ChunkAttempt {
  worker: string;
  worker_name: string;
  number: number;
  started: number;
  ended: number | null;
  outcome: string;
  error: string;
  fps: number;
  wall_seconds: number;
  cpu_seconds: number;
}

export interface ChunkView {
  state: string;
  frames: number;
  bytes: number | null;
  error: string;
  attempts: ChunkAttempt[];
}

export type Span = [
  worker: number,
  kind: string,
  rendition: string,
  number: number,
  started: number,
  ended: number | null,
  outcome: string,
];

export interface Timeline {
  workers: Named[];
  spans: Span[];
}

export interface Failure {
  task: string;
  kind: string;
  rendition: string;
  number: number;
  worker_name: string;
  at: number;
  outcome: string;
  error: string;
}

export type MapCell = [rendition: string, number: number, letter: string, worker: number | null, share: number];

export interface JobsEvent {
  jobs: JobSummary[];
  gone: string[];
}
export interface WorkersEvent {
  workers: WorkerView[];
  gone: string[];
}
export interface MapEvent {
  chunks: number;
  cells: MapCell[];
  workers: Named[];
}

export interface WorkerView {
  id: string;
  name: string;
  state: "working" | "idle" | "paused" | "draining" | "banned" | "lost";
  standing: "active" | "draining" | "banned";
  machine: Record<string, unknown>;
  device_class: string;
  arch: string;
  local: boolean;
  seen: number;
  registered: number | null;
  fps: number;
  calibrated_fps: number | null;
  joules_per_minute: number | null;
  known_by: string[];
  frames: number;
  wall_seconds: number;
  tasks: number;
  failed: number;
  trust: number | null;
  reason: string;
  leases: number;
  task: WorkerTask | null;
}

export interface WorkerTask {
  job: string;
  job_name: string;
  kind: string;
  rendition: string;
  number: number;
  frames: number;
  done_frames: number;
  fps: number;
}

export interface AudioForm {
  codec?: string;
  bitrate_kbps?: number | null;
  channels?: number | null;
  sample_rate?: number | null;
}

/** A profile in its wire form. */
export interface Profile {
  name: string;
  description?: string;
  codec?: string;
  width?: number | null;
  height?: number | null;
  crf?: number | null;
  bitrate_kbps?: number | null;
  maxrate_kbps?: number | null;
  bufsize_kbps?: number | null;
  preset?: string;
  profile?: string;
  gop_seconds?: number;
  audio?: AudioForm;
  source?: "built-in" | "file" | "saved";
  [key: string]: unknown;
}

export interface Estimate {
  name: string;
  bytes: number | null;
  seconds: number | null;
}

export interface FieldError {
  field: string;
  message: string;
}
