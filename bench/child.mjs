// A process with one subject in it, which carries out what the bench asks for.
import { SUBJECTS } from './subjects.mjs'

const [name, file, more] = process.argv.slice(2)
const started = performance.now()
let subject
try {
  subject = await SUBJECTS[name].make(file, JSON.parse(more))
} catch (error) {
  process.send({ error: `${name}: ${error.message}` })
  process.exit(1)
}
const madeMs = performance.now() - started

process.on('message', async ({ measure, action, args }) => {
  try {
    const { actions } = await import(`./measures/${measure}.mjs`)
    process.send({ result: await actions[action](subject, args) ?? null })
  } catch (error) {
    process.send({ error: error.stack })
  }
})
process.send({ result: { madeMs } })
