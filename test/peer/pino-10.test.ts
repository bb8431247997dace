import { runPinoSuite } from './pino-suite'

runPinoSuite('pino 10', 'pino')
