import { runPinoSuite } from './pino-suite'

// It takes other times to start and to end a thread then: these wait for that, and for what targets send.
runPinoSuite('pino 10', 'pino', ['transport/core.test.js', 'transport/crash.test.js'])
