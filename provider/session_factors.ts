import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { SignInPlace } from '../interactions/site.ts'
import type { Proofs } from '../policies/proofs.ts'
import { proofsAfter, type StepResults } from '../policies/step_results.ts'
import { accountNotes, enrolments } from './session_records.ts'

/** Kept in the session record, beside the OP's own fields. */
export interface Factors {
  readonly sub: string
  readonly proofs: Proofs
  /** First proof of the sign-in that was last brought to its end; the session is open since. */
  readonly completedFor?: number
  /** Ends of the open session: after idling, and in all from the first proof. Seconds. */
  readonly idleSeconds?: number
  readonly absoluteSeconds?: number
  /** From where that sign-in was brought to its end. */
  readonly from?: SignInPlace
}

interface FactoredSession {
  accountId?: string
  acr?: string
  amr?: string[]
  loginTs?: number
  factors?: Factors
}

/** The session's factors, if they are those of the account signed in. */
export const factorsOf = (session: unknown): Factors | null => {
  const { accountId, factors } = session as FactoredSession
  return factors !== undefined && factors.sub === accountId ? factors : null
}

/** When the sign-in under way began. */
export const firstProofOf = ({ proofs }: Factors): number | undefined => proofs.began

/**
 * The proofs of a session, and whether it is open: a new sign-in in it that is never finished leaves
 * it so, until its own absolute end. The OP's tolerance for clocks lets it live some seconds longer.
 */
export const provedIn = (
  session: unknown,
  nowMs: number,
): { readonly proofs: Proofs; readonly open: boolean } => {
  const { proofs = {}, completedFor, absoluteSeconds = 0 } = factorsOf(session) ?? {}
  return {
    proofs,
    open: completedFor !== undefined && nowMs < completedFor + absoluteSeconds * 1000,
  }
}

export const setFactors = (session: unknown, factors: Factors): void => {
  ;(session as FactoredSession).factors = factors
}

export const setAuthenticationContext = (
  session: unknown,
  acr: string | undefined,
  amr: string[],
): void => {
  const target = session as FactoredSession
  if (acr === undefined) {
    delete target.acr
  } else {
    target.acr = acr
  }
  target.amr = amr
}

/** The factors of a session after the results of a finished page. */
const withResults = (current: Factors | null, sub: string, results: StepResults): Factors => {
  const before: Factors = current?.sub === sub ? current : { sub, proofs: {} }
  return { ...before, proofs: proofsAfter(before.proofs, sub, results) }
}

/** Of two writers of one session, as one person: no proof is lost. */
const mergeFactors = (stored: Factors, incoming: Factors): Factors => {
  const newest = (key: keyof Proofs): number | undefined => {
    const times = [stored.proofs[key], incoming.proofs[key]].filter((t) => typeof t === 'number')
    return times.length === 0 ? undefined : Math.max(...times)
  }
  const sameSignIn = stored.proofs.began === incoming.proofs.began
  const newer = (stored.proofs.began ?? 0) > (incoming.proofs.began ?? 0) ? stored : incoming
  return {
    ...stored,
    ...incoming,
    proofs: {
      ...newer.proofs,
      password: newest('password'),
      pin: newest('pin'),
      passcode: newest('passcode'),
      ...(sameSignIn
        ? {
            keyActivated: newest('keyActivated'),
            passwordChanged: newest('passwordChanged'),
            pinDefined: newest('pinDefined'),
            deviceOffered: newest('deviceOffered'),
          }
        : {}),
    },
  }
}

/** The OP works out once which fields of a record it keeps, and drops the others. */
const keepField = (model: unknown, field: string): void => {
  const { IN_PAYLOAD } = model as { IN_PAYLOAD: string[] }
  const keys = [...IN_PAYLOAD, field]
  Object.defineProperty(model, 'IN_PAYLOAD', { get: () => keys })
}

/**
 * Makes sessions carry our factors, and interactions why their last form was refused and how far the
 * first use of a key has come. To be called
 * right after `new Provider`, before any request.
 */
export const installFactors = (provider: Provider): void => {
  keepField(provider.Session, 'factors')
  keepField(provider.Session, enrolments.field)
  keepField(provider.Session, accountNotes.field)
  keepField(provider.Interaction, 'refused')
  keepField(provider.Interaction, 'stage')
  // Emitted after the login of a resumed request and before its policy; must stay synchronous.
  provider.on('interaction.ended', (ctx: KoaContextWithOIDC) => {
    const { session, result } = ctx.oidc
    const sub = session?.accountId
    if (session !== undefined && sub !== undefined) {
      setFactors(
        session,
        withResults(factorsOf(session), sub, (result ?? {}) as unknown as StepResults),
      )
    }
  })
}

/** What the store keeps when two requests write one session of one person. */
export const mergeSessions = (
  stored: Record<string, unknown>,
  incoming: Record<string, unknown>,
): Record<string, unknown> => {
  const [before, after] = [factorsOf(stored), factorsOf(incoming)]
  return before === null || after === null
    ? incoming
    : {
        ...incoming,
        factors: mergeFactors(before, after),
        ...enrolments.merge(stored, incoming),
        ...accountNotes.merge(stored, incoming),
      }
}

/** Adds the result of a page to its session at once, whatever becomes of the page's answer. */
export const keepInSession = async (
  provider: Provider,
  sessionUid: string,
  sub: string,
  results: StepResults,
): Promise<void> => {
  const session = await provider.Session.findByUid(sessionUid)
  if (session?.accountId === sub) {
    setFactors(session, withResults(factorsOf(session), sub, results))
    await session.persist()
  }
}
