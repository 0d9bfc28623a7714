/** Spanish. */
import type { Messages } from "./index.svelte";

const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

export const es: Messages = {
  jobs: "Trabajos",
  submit: "Enviar",
  fleet: "Equipos",
  numbers: "Cifras",
  settings: "Ajustes",
  pages: "Páginas",
  skip: "Ir al contenido",
  close: "Cerrar",
  theme: "Colores",
  themes: { system: "Como el sistema", light: "Claros", dark: "Oscuros" },
  languageLabel: "Idioma",
  missingTitle: "Esta página no existe",
  missingText: "Puede que la dirección sea antigua o esté mal escrita.",
  toJobs: "Todos los trabajos",
  soon: "Esta página todavía no existe.",
  loading: "Cargando …",
  again: "Reintentar",
  logOut: "Cerrar sesión",
  notYoursTitle: "Esta página no es para usted",
  notYoursText: "Es para administradores, o para quienes pueden enviar vídeos. Pida otro rol a quien lleva la plataforma.",

  serverFailed: (status) => `El servidor respondió con el estado ${status} y nada más; su registro dice por qué.`,
  notReached:
    "No se ha podido llegar al servidor. Compruebe que funciona y que este dispositivo tiene conexión, y reinténtelo.",
  unexpected: (what) => `Algo ha fallado en esta página: ${what}. Vuelva a cargarla.`,

  live: "En directo",
  connecting: "Conectando …",
  asking: "Sin directo: se pregunta cada 10 segundos",

  jobsCount: (count) => many(count, "trabajo", "trabajos"),
};
