import type { Clock } from '../accounts/ports.ts'

interface Bucket {
  tokens: number
  /** When `tokens` was right (ms). */
  atMs: number
}

export interface NetworkRate {
  /** Takes a place for one request: 0 when there was one, else the seconds until there is. */
  take(network: string): number
}

interface Rate {
  readonly perSecond: number
  /** As many at once after a quiet time. */
  readonly burst: number
  /** Networks remembered; the one heard of longest ago is forgotten, and so starts anew. */
  readonly networksMax: number
  readonly clock: Clock
}

/** A token bucket for each network, in memory: it guards this process, and nothing rests on it. */
export const createNetworkRate = ({ perSecond, burst, networksMax, clock }: Rate): NetworkRate => {
  // In the order in which they were last heard of.
  const buckets = new Map<string, Bucket>()

  const filled = (network: string, nowMs: number): Bucket => {
    const { tokens, atMs } = buckets.get(network) ?? { tokens: burst, atMs: nowMs }
    const gained = (Math.max(0, nowMs - atMs) / 1000) * perSecond
    return { tokens: Math.min(burst, tokens + gained), atMs: nowMs }
  }

  const remember = (network: string, bucket: Bucket): void => {
    buckets.delete(network)
    buckets.set(network, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > networksMax && oldest !== undefined) {
      buckets.delete(oldest)
    }
  }

  return {
    take: (network) => {
      const bucket = filled(network, clock())
      const admitted = bucket.tokens >= 1
      remember(network, admitted ? { ...bucket, tokens: bucket.tokens - 1 } : bucket)
      return admitted ? 0 : Math.ceil((1 - bucket.tokens) / perSecond)
    },
  }
}
