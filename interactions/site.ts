import type { Provider } from 'oidc-provider'
import type { Account, Locale } from '../accounts/account.ts'
import type { Enrolment } from '../accounts/enrol_app.ts'
import type { Deps, Origin } from '../accounts/ports.ts'
import type { NextStep, Situation } from '../policies/next_step.ts'
import type { Proofs } from '../policies/proofs.ts'
import type { UserType } from '../policies/user_type.ts'
import type { AccountDone } from '../views/pages.ts'
import type { Renderer } from '../views/render.ts'

/** One authorization request, as the deciding function sees it. */
export interface Request {
  /** Parameters of the authorization request; empty for our own pages. */
  readonly params: Readonly<Record<string, unknown>>
  readonly clientId: string
  /** When the sign-in that belongs to this very request was proved (ms); none yet: undefined. */
  readonly loginAtMs: number | undefined
  /** When this very request was allowed by its person (ms); not yet: undefined. */
  readonly consentedAtMs?: number | undefined
  readonly account: Account | null
  readonly proofs: Proofs
  /** See `Situation`. */
  readonly open: boolean
  readonly origin: Origin
}

export interface Decision {
  readonly next: NextStep
  readonly situation: Situation
}

/** An application as the pages speak of it. */
export interface Tile {
  readonly clientId: string
  readonly name: string
  /** Where the portal sends people; null: not shown. */
  readonly href: string | null
  readonly logoUrl: string | undefined
  readonly userTypes: ReadonlySet<UserType>
}

/** What a session keeps of the app that its person enrols. */
export type KeptEnrolment =
  | {
      readonly step: 'under_way'
      readonly enrolment: Enrolment
      /** Why its last form was refused; sealed, as those of a sign-in are. */
      readonly refused?: string
    }
  | { readonly step: 'none' }

/** What the pages of the account keep in the session from one request to the next. */
export interface KeptForAccount {
  /** To be told once on the next page. */
  readonly done?: AccountDone
  /** What the last form was refused for, sealed: people type passwords into the wrong field. */
  readonly refused?: { readonly page: string; readonly sealed: string }
  /** A form that was sent before the proof for it was given anew. */
  readonly typed?: {
    /** Known to the browser alone that sent it: nobody else is asked to confirm it. */
    readonly nonce: string
    readonly page: string
    readonly form: string
    readonly sealed: string
    readonly atMs: number
  }
  /** An address that a code was mailed to, sealed, until that code is too old. */
  readonly address?: { readonly sealed: string; readonly untilMs: number }
}

/** One session of a person, as they are told of it. */
export interface OpenSession {
  /** Names the session among those of its owner; opens nothing. */
  readonly uid: string
  /** When its last sign-in began (ms). */
  readonly signedInAt: number
  /** Applications opened in it. */
  readonly clientIds: readonly string[]
  /** From where it was signed in; null: signed in before that was kept. */
  readonly from: SignInPlace | null
}

export interface SignInPlace {
  readonly browser: string
  readonly system: string
  /** Truncated. */
  readonly network: string
}

/**
 * Sessions and how they end. Ending takes their grants and refresh tokens along, and tells their
 * applications, now or when they answer again.
 */
export interface Sessions {
  /** Those whose sign-in was brought to its end, newest first. */
  sessionsOf(sub: string): Promise<OpenSession[]>
  /** False: this account has no such session. */
  endSession(sub: string, uid: string): Promise<boolean>
  /** All but one, half-open ones too. Returns how many. */
  endOtherSessions(sub: string, exceptUid: string): Promise<number>
  /** What one application was given by this person: grants, codes, tokens. */
  endGrants(sub: string, clientId: string): Promise<void>
  /** All, with whatever was issued to the account outside them. */
  endEverything(sub: string): Promise<void>
}

/** The gateway's own pages as a relying party of it. */
export interface OwnClient {
  /** Where to send a browser for a sign-in that comes back to `path`; `carry` comes back with it. */
  begin(path: string, carry: string, parameters: Readonly<Record<string, string>>): Promise<string>
  /**
   * Redeems the code of an answer, with the address it came to. Null: no answer to a sign-in of
   * ours, or one that was used before.
   */
  finish(pathAndQuery: string): Promise<{
    readonly sub: string
    readonly carry: string
    /** The session of the gateway that it was answered from. */
    readonly sessionUid: string | undefined
  } | null>
}

/** What the pages are made of; composed once. */
export interface Site extends Sessions {
  readonly deps: Deps
  readonly provider: Provider
  readonly renderer: Renderer
  readonly decide: (request: Request) => Promise<Decision>
  /**
   * Keeps what a page did in the session at once, as its result would: what can be done once only
   * must not depend on an answer that may be lost, or on a form that was sent twice.
   */
  readonly keep: (
    sessionUid: string,
    sub: string,
    result: Readonly<Record<string, unknown>>,
  ) => Promise<void>
  /** Somebody is at work in this session: its idle end moves on, never past its absolute one. */
  readonly prolong: (sessionUid: string) => Promise<void>
  /** The enrolment that a session keeps for the account signed in. */
  readonly enrolmentIn: (session: unknown) => KeptEnrolment
  /** Changes it, from what it is by the time of the change. */
  readonly changeEnrolment: (
    sessionUid: string,
    sub: string,
    change: (kept: KeptEnrolment) => KeptEnrolment,
  ) => Promise<void>
  /** What the pages of the account keep in a session, for the account signed in. */
  readonly keptForAccount: (session: unknown) => KeptForAccount
  readonly keepForAccount: (
    sessionUid: string,
    sub: string,
    change: (kept: KeptForAccount) => KeptForAccount,
  ) => Promise<void>
  /** Seals a text for one interaction, or one session. */
  readonly seal: {
    seal(text: string, uid: string): string
    open(sealed: string, uid: string): string
  }
  /** What a session has proved, read back from the OP's record. */
  readonly provedIn: (session: unknown) => Pick<Request, 'proofs' | 'open'>
  /** Whether a sign-in of this session was ever brought to its end. */
  readonly isOpen: (session: unknown) => boolean
  /**
   * How often one person may have a new password judged as they type: an estimate takes up to 30 ms
   * of CPU. Seconds until there is a place for one more; 0: there was one.
   */
  readonly judgements: { take(sub: string): number }
  /** The same for new passwords that are sent: each is judged, for up to 30 ms of this thread. */
  readonly newPasswords: { take(sub: string): number }
  readonly ownClient: OwnClient
  readonly applications: ReadonlyMap<string, Tile>
  readonly portalClientId: string
  /** Issuer without a trailing slash; every absolute address starts with it. */
  readonly issuer: string
  /** The console's first page, on whatever host. */
  readonly consoleHref: string
  readonly secureCookies: boolean
  readonly defaultLocale: Locale
}

export const deviceCookieName = (secure: boolean): string =>
  secure ? '__Host-vestibule_device' : 'vestibule_device'
