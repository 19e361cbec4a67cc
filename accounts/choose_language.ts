import type { ChosenLocale } from './account.ts'
import { auditEntry } from './audit.ts'
import type { Deps, Origin } from './ports.ts'

/**
 * Keeps the language that somebody wants pages and mails in. Not told by mail or notice: nobody
 * gains or loses anything by it, and it shows on every page.
 */
export const chooseLanguage = (
  deps: Deps,
  sub: string,
  chosen: ChosenLocale,
  origin: Origin,
): Promise<void> =>
  deps.store.transact(async ({ accounts, audit }) => {
    const before = (await accounts.bySub(sub))?.chosenLocale ?? null
    if (before === chosen) {
      return
    }
    await accounts.setLocale(sub, chosen)
    const detail = { from: before, to: chosen }
    await audit.append(auditEntry(deps, { act: 'language_changed', sub, origin, detail }))
  })
