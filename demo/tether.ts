/**
 * Loaded before a child's own code (`--import`): the child ends with the demonstration, even when
 * that is killed and can say nothing, since the channel between them then closes.
 */
import { isMainThread } from 'node:worker_threads'

const GRACE_MS = 10_000

if (isMainThread && process.channel) {
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref()
    process.kill(process.pid, 'SIGTERM')
  })
  // The channel alone keeps no child alive that has nothing left to do.
  process.channel.unref()
}
