import { truncateNetwork } from '../policies/network.ts'
import type { Account } from './account.ts'
import { auditEntry, randomId } from './audit.ts'
import { passcodeCandidates } from './code_match.ts'
import { judgeTry, settleKeys, type Try } from './judge_try.ts'
import { keepPlace } from './keep_place.ts'
import { isTooNew } from './key_use.ts'
import { laneOfPerson, passcodeSubjectOf, presentedBrowser } from './lane.ts'
import { renewSeal } from './otp_seed.ts'
import { againstKeyPin, knownFor, renewKeyPin } from './passcode_try.ts'
import type { Deps, HashPlace, Origin, Presented } from './ports.ts'

/** One answer for every refusal. */
export type PasscodeResult = { readonly ok: boolean }

interface Typed {
  readonly passcode: string
  /** When the sign-in under way began: an app that was enrolled in it does not count yet. */
  readonly began: number | undefined
}

/** Checks the passcode of somebody whose password was proved: a step of a sign-in. */
export const verifyPasscode = async (
  deps: Deps,
  account: Account,
  typed: Typed,
  origin: Origin,
): Promise<PasscodeResult> => {
  const presented = await presentedBrowser(deps, origin)
  const lane = await laneOfPerson(deps, account, origin, presented)
  return keepPlace(deps, lane, (place) => check(deps, account, typed, origin, presented, place))
}

const check = async (
  deps: Deps,
  account: Account,
  { passcode, began }: Typed,
  origin: Origin,
  presented: Presented,
  place: HashPlace,
): Promise<PasscodeResult> => {
  const { sub } = account
  const keys = (await deps.store.otpKeys.ofPerson(sub)).filter((key) => !isTooNew(key, began))
  const tried: Try = {
    route: 'passcode',
    candidates: passcodeCandidates(passcode, keys, deps.clock()),
    typed: passcode,
    account,
    subject: passcodeSubjectOf(deps, account.identifier),
    obstacle: null,
    against: againstKeyPin(passcode),
  }
  const judged = await judgeTry(deps, tried, origin, presented, place)
  const browserId = presented.kind === 'known' ? presented.browserId : null
  const told = { sub, origin, browserId } as const
  const ok = await deps.store.transact(async (tables): Promise<boolean> => {
    const usable = await settleKeys(deps, tables, tried, judged, origin, null)
    if (!judged.right || !usable) {
      const detail = { why: judged.why ?? 'key_not_in_service' }
      await tables.audit.append(
        auditEntry(deps, { act: 'passcode_wrong', outcome: 'refused', ...told, detail }),
      )
      return false
    }
    // A browser that keeps no cookie is nobody's place.
    const at = browserId ?? randomId(deps.random)
    const network = truncateNetwork(origin.address)
    await tables.passwordTries.succeed(tried.subject, judged.place, at, network, deps.clock())
    await knownFor(deps, tables, account, at, origin)
    if (judged.match !== null) {
      await renewSeal(deps, tables, judged.match.key)
    }
    const detail = { key: judged.match?.key.serial ?? null }
    await tables.audit.append(auditEntry(deps, { act: 'passcode_right', ...told, detail }))
    return true
  })
  if (ok) {
    await renewKeyPin(deps, judged, place)
  }
  return { ok }
}
