// A target that is nothing but a stream to a file: what any pino transport costs at the least.
import { createWriteStream } from 'node:fs'
export default ({ destination }) => createWriteStream(destination, { flags: 'a' })
