import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

export type ApplicationKind = 'moodle' | 'nextcloud' | 'mod_auth_openidc' | 'other'

/** Fields and rules of a registration that have words; any other has those of `other`. */
export const APPLICATION_ERRORS = [
  'client_id',
  'client_name',
  'redirect_uris',
  'post_logout_redirect_uris',
  'initiate_login_uri',
  'client_uri',
  'logo_uri',
  'contacts',
  'user_types',
  'sector_identifier_uri',
  'backchannel_logout_uri',
  'default_max_age',
  'jwks_uri',
  'keys_missing',
  'keys_twice',
  'pkce_needed',
  'par_needs_secret',
  'sector_missing',
  'session_without_logout',
  'other',
] as const
export type ApplicationErrorCode = (typeof APPLICATION_ERRORS)[number]

/** What is around every page of one application. */
export interface ApplicationHead {
  readonly clientId: string
  readonly name: string
  readonly href: string
  readonly page: 'one' | 'connect' | 'claims' | 'test' | 'edit'
  /** It stands in the settings file: read only. */
  readonly declared: boolean
}

/** A claim and what it says, as JSON where it is no text. */
export interface ClaimRow {
  readonly name: string
  readonly value: string
}

export interface ApplicationsPages {
  'console/applications_list': {
    readonly applications: readonly {
      readonly clientId: string
      readonly name: string
      readonly href: string
      readonly kind: ApplicationKind | null
      /** Null: everybody. */
      readonly userTypes: readonly UserType[] | null
      readonly declared: boolean
      /** The settings file names it too, and wins. */
      readonly overridden: boolean
      readonly consent: boolean
      readonly changedAt: string | null
      readonly changedBy: string
      readonly launches: number
    }[]
    readonly newHref: string
    readonly subjectsHref: string
  }
  /** A new one, or a change of one: `head` is that of the one. */
  'console/applications_form': {
    readonly head: ApplicationHead | null
    readonly action: string
    readonly version: number
    readonly userTypes: readonly UserType[]
    readonly claims: readonly string[]
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
    /** Somebody else has saved it meanwhile. */
    readonly refused?: ConsoleMessage | undefined
    /** Opens what is folded: something in it is wrong. */
    readonly advancedOpen: boolean
  }
  'console/applications_one': {
    readonly head: ApplicationHead
    readonly kind: ApplicationKind | null
    readonly redirectUris: readonly string[]
    readonly userTypes: readonly UserType[] | null
    readonly claims: readonly string[]
    readonly leastAcr: string | null
    readonly pairwise: boolean
    readonly consent: boolean
    readonly refreshes: boolean
    readonly logoutUri: string | null
    readonly usesSecret: boolean
    readonly secretAt: string | null
    readonly previousUntil: string | null
    readonly version: number
    readonly history: readonly {
      readonly act: 'registered' | 'changed' | 'secret_rotated' | 'secret_ended' | 'removed'
      readonly at: string
      readonly by: string
    }[]
    readonly launches: number
    /** The last 30 days, oldest first. */
    readonly days: readonly { readonly day: string; readonly launches: number }[]
    readonly refused?: ConsoleMessage | undefined
  }
  /** A secret, shown this once. */
  'console/applications_secret': {
    readonly head: ApplicationHead
    readonly secret: string
    readonly previousUntil: string | null
  }
  'console/applications_rotate': {
    readonly head: ApplicationHead
    readonly version: number
    readonly days: string
    readonly daysMax: number
    readonly errors: readonly ConsoleError[]
    readonly refused?: ConsoleMessage | undefined
  }
  'console/applications_remove': {
    readonly head: ApplicationHead
    readonly version: number
    readonly launches: number
    readonly refused?: ConsoleMessage | undefined
  }
  'console/applications_connect': {
    readonly head: ApplicationHead
    readonly kind: ApplicationKind
    readonly issuer: string
    readonly discovery: string
    readonly scopes: string
    readonly redirectUris: readonly string[]
    /** Scheme and host of the application, from its return address. */
    readonly base: string
    readonly usesSecret: boolean
    readonly rotateHref: string
    readonly pkce: boolean
    readonly authMethod: string
    readonly algorithm: string
    /** To be copied as it stands; null: this kind has no file. */
    readonly file: string | null
  }
  'console/applications_claims': {
    readonly head: ApplicationHead
    readonly typed: string
    readonly personName: string | null
    readonly forThem: boolean
    readonly claims: readonly ClaimRow[]
    readonly errors: readonly ConsoleError[]
  }
  'console/applications_test': {
    readonly head: ApplicationHead
    readonly refused?: ConsoleMessage | undefined
  }
  'console/applications_tested': {
    readonly head: ApplicationHead | null
    readonly how: 'unknown' | 'refused' | 'code' | 'tokens'
    readonly error: string
    readonly why: string
    readonly idToken: readonly ClaimRow[]
    readonly userinfo: readonly ClaimRow[]
  }
  'console/applications_subjects': {
    readonly applications: readonly { readonly value: string; readonly label: string }[]
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
    readonly looked: boolean
    readonly found: { readonly personName: string; readonly href: string } | null
  }
}
