import { AppError } from '../accounts/errors.ts'
import { loadSettings, processEnvironment } from './settings.ts'
import { startGateway } from './wire.ts'

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** `npm start`: reads the settings, serves, stops on SIGTERM and SIGINT. Exit 2: bad settings. */
const main = async (): Promise<void> => {
  const loaded = loadSettings({ env: processEnvironment(), cwd: process.cwd() })
  if (!loaded.ok) {
    for (const { where, setting, message } of loaded.problems) {
      say(`${where}: ${setting} ${message}`)
    }
    process.exitCode = 2
    return
  }
  const gateway = await startGateway(loaded.settings)
  const stop = (): void => {
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
    void gateway.stop()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

try {
  await main()
} catch (error) {
  say(error instanceof AppError ? error.message : String(error))
  process.exitCode = 1
}
