/** English. Messages with parts that vary are functions. */

const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

export const en = {
  // shell
  jobs: "Jobs",
  submit: "Submit",
  fleet: "Fleet",
  numbers: "Numbers",
  settings: "Settings",
  pages: "Pages",
  skip: "Skip to the content",
  close: "Close",
  theme: "Colours",
  themes: { system: "As the system", light: "Light", dark: "Dark" },
  languageLabel: "Language",
  missingTitle: "There is no such page",
  missingText: "The address may be old or mistyped.",
  toJobs: "All jobs",
  soon: "This page is not there yet.",
  loading: "Loading …",
  again: "Try again",
  logOut: "Log out",
  notYoursTitle: "This page is not for you",
  notYoursText: "It is for admins, or for those who may submit. Ask whoever runs the platform for another role.",

  // errors
  serverFailed: (status: number) => `The server answered with status ${status} and said no more; its log does.`,
  notReached: "The server was not reached. Check that it runs and that this device is online, then try again.",
  unexpected: (what: string) => `Something went wrong in this page: ${what}. Load it again.`,

  // live
  live: "Live",
  connecting: "Connecting …",
  asking: "Not live: asking every 10 seconds",

  jobsCount: (count: number) => many(count, "job", "jobs"),
};
