import { runPinoSuite } from './pino-suite'

runPinoSuite('pino 9', 'pino9')
