import type { Clock } from '../accounts/ports.ts'

interface Bucket {
  tokens: number
  /** When `tokens` was right (ms). */
  atMs: number
}

export interface Rate {
  /** Takes a place for one request: 0 when there was one, else the seconds until there is. */
  take(key: string): number
}

interface Limits {
  readonly perSecond: number
  /** As many at once after a quiet time. */
  readonly burst: number
  /** Keys remembered; the one heard of longest ago is forgotten, and so starts anew. */
  readonly keysMax: number
  readonly clock: Clock
}

/**
 * A token bucket for each key (a network, a browser), in memory: it guards this process, and
 * nothing rests on it.
 */
export const createRate = ({ perSecond, burst, keysMax, clock }: Limits): Rate => {
  // In the order in which they were last heard of.
  const buckets = new Map<string, Bucket>()

  const filled = (key: string, nowMs: number): Bucket => {
    const { tokens, atMs } = buckets.get(key) ?? { tokens: burst, atMs: nowMs }
    const gained = (Math.max(0, nowMs - atMs) / 1000) * perSecond
    return { tokens: Math.min(burst, tokens + gained), atMs: nowMs }
  }

  const remember = (key: string, bucket: Bucket): void => {
    buckets.delete(key)
    buckets.set(key, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > keysMax && oldest !== undefined) {
      buckets.delete(oldest)
    }
  }

  return {
    take: (key) => {
      const bucket = filled(key, clock())
      const admitted = bucket.tokens >= 1
      remember(key, admitted ? { ...bucket, tokens: bucket.tokens - 1 } : bucket)
      return admitted ? 0 : Math.ceil((1 - bucket.tokens) / perSecond)
    },
  }
}
