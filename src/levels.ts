/** pino's levels as slots of the ring, lowest first; what is not known is counted as such. */
export const LEVEL_NAMES = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

export type LevelName = typeof LEVEL_NAMES[number]

const LEVEL_STEP = 10
const HIGHEST_SLOT = LEVEL_NAMES.length - 1

/** Slot of a numeric level: custom levels count with the next lower of pino's own. */
export function slotOfLevel (level: number): number {
  if (!(level >= 0)) return 0
  return Math.min(Math.max(1, Math.floor(level / LEVEL_STEP)), HIGHEST_SLOT)
}

/** What pino puts in front of every line unless a formatter changes it. */
const LEVEL_KEY = '{"level":'
const ZERO = 0x30
const COMMA = 0x2C

/** Whether a number in pino's place for the level means what it means to pino; others may be a formatter's own, as syslog's. */
export function isOwnLevel (level: number | undefined): boolean {
  return level !== undefined && level % LEVEL_STEP === 0 && level > 0 && level <= HIGHEST_SLOT * LEVEL_STEP
}

/**
 * The numeric level that a line says it has, or undefined: `{"level":30,` or, with labels, `{"level":"info",`.
 * For lines whose level nobody tells us.
 */
export function levelOfText (line: string): number | undefined {
  if (!line.startsWith(LEVEL_KEY)) return undefined
  // One of pino's own, without making a string: this is asked of every line that is dropped.
  const tens = line.charCodeAt(LEVEL_KEY.length) - ZERO
  if (line.charCodeAt(LEVEL_KEY.length + 1) === ZERO && line.charCodeAt(LEVEL_KEY.length + 2) === COMMA && tens > 0 && tens <= HIGHEST_SLOT) return tens * LEVEL_STEP
  const value = line.slice(LEVEL_KEY.length, LEVEL_KEY.length + 8)
  if (value.startsWith('"')) {
    const slot = (LEVEL_NAMES as readonly string[]).indexOf(value.slice(1, value.indexOf('"', 1)).toLowerCase())
    return slot > 0 ? slot * LEVEL_STEP : undefined
  }
  const level = Number.parseInt(value, 10)
  return Number.isNaN(level) ? undefined : level
}

/** A level as a formatter may write it, which pino puts in front too: under any key, pino's label, or what Google's logging calls it. */
const FATAL_IN_FRONT = /^\{"[^"]*":(?:"(?:fatal|critical)"|60[,}])/i

/** Whether pino made the line by `fatal()`, as far as it shows. Custom levels above are not flushed by pino. */
export function isFatal (line: string): boolean {
  const level = levelOfText(line)
  return level === undefined ? FATAL_IN_FRONT.test(line) : level === HIGHEST_SLOT * LEVEL_STEP
}
