/** What the API tells of tokens and users, and what is asked of it. */
import type { Role } from "../../api/types";

export const ROLES: Role[] = ["viewer", "submitter", "admin"];
export const DAYS = ["7", "30", "90", "365", ""] as const; // "": until it is revoked
export type Days = (typeof DAYS)[number];

export interface ApiToken {
  id: string;
  name: string;
  role: Role;
  created: number;
  expires: number | null;
  used: number | null;
}

export interface User {
  name: string;
  role: Role;
  created: number;
}

export interface Platform {
  version: string;
  source_seconds: number;
  upload_seconds: number;
  source_urls: boolean;
}

/** The roles that somebody may give to a token: up to the own one. */
export const within = (role: Role): Role[] => ROLES.slice(0, ROLES.indexOf(role) + 1);

/** A line that shows whether a token works. */
export const trial = (origin: string, token: string): string =>
  `curl -H "Authorization: Bearer ${token}" ${origin}/api/v1/me`;
