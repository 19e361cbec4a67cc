import type { FormError } from '../pages.ts'
import type { UserType } from '../user_type.ts'
import type { ConsoleError, ConsoleMessage } from './pages.ts'

/** Who may come in, and what they may do. */
export interface AccessPages {
  /** A form that was sent before it was proved anew who sends it. */
  'console/confirm': {
    /** The right that it asks for: what it would do, in words. */
    readonly right: string
    readonly nonce: string
  }
  /** The one-time code that makes the first administrator. Outside the frame: nobody is signed in. */
  'console/invite': {
    readonly action: string
    readonly csrf: string
    /** Who is signed in already, and gets the role; null: a new account is made. */
    readonly personName: string | null
    readonly signInHref: string
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly (ConsoleError | FormError)[]
  }
  /** Signed in, and nothing here is for them. */
  'console/no_role': {
    readonly personName: string
    readonly portalHref: string
    readonly inviteHref: string
  }
  /** The level that is asked for cannot be reached with what they have. */
  'console/unmet': { readonly keysHref: string; readonly portalHref: string }
  'console/roles': {
    readonly holders: readonly {
      readonly sub: string
      readonly personName: string
      readonly identifier: string
      readonly href: string
      readonly role: 'identity_admin' | 'helpdesk' | 'auditor'
      readonly userTypes: readonly UserType[] | null
      readonly establishments: readonly string[] | null
      readonly since: string
      readonly by: string
      /** Oneself, or the last identity administrator: cannot be taken away here. */
      readonly fixed: boolean
    }[]
    readonly userTypes: readonly UserType[]
    readonly establishments: readonly string[]
    readonly typed: Readonly<Record<string, string>>
    readonly errors: readonly ConsoleError[]
    readonly refused?: ConsoleMessage | undefined
  }
}
