import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'

const names = new Map<number, string>()

/** The name of a negative errno, looked up once: a stalled writer asks a hundred times a second. */
export function nameOf (errno: number): string {
  let name = names.get(errno)
  if (name === undefined) names.set(errno, name = lookUp(errno))
  return name
}

/** What file systems answer and neither libuv nor Node has a name for (Linux's numbers, of most machines). */
const OTHERS: Readonly<Record<number, string>> = process.platform === 'linux' ? { 117: 'EUCLEAN', 126: 'ENOKEY', 127: 'EKEYEXPIRED' } : {}

/** libuv has no names for EDQUOT and ESTALE, and `fs` throws them as unknown errors. */
function lookUp (errno: number): string {
  const name = getSystemErrorName(errno)
  if (/^E\w+$/.test(name)) return name
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? OTHERS[-errno] ?? name
}
