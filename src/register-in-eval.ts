/** Register, under a name that tells how it came: by our `--require`, to a worker whose code is text (see eval-workers.ts). */

import './register'
