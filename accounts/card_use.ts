import { normalizePassword } from '../policies/password_rules.ts'
import { readFromCard } from '../policies/temporary_password.ts'
import type { Account } from './account.ts'
import type { Tables } from './ports.ts'

/** What is compared with a password: as typed, or from a card as it is meant. */
export const meantPassword = (account: Account | null, typed: string): string => {
  const isOnCard = account !== null && (account.password?.batchId ?? null) !== null
  return isOnCard ? readFromCard(normalizePassword(typed)) : normalizePassword(typed)
}

/**
 * Notes that the password of a card was right, in the transaction that accepts it. False: it serves
 * nobody any more, since its generation is being taken back, or another one has come since it was
 * read. Of a sign-in and a take-back at one moment one is refused.
 */
export const useCard = async (
  { accounts, passwordBatches }: Pick<Tables, 'accounts' | 'passwordBatches'>,
  { sub, password }: Account,
  nowMs: number,
): Promise<boolean> => {
  const batchId = password?.batchId ?? null
  if (batchId === null) {
    return true
  }
  const now = await accounts.bySub(sub)
  return now?.password?.sealed === password?.sealed && passwordBatches.use(batchId, nowMs)
}
