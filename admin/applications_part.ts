import type { Account } from '../accounts/account.ts'
import type { Registration } from '../accounts/registration.ts'

/** How a test sign-in came back. */
export type Tested =
  /** The answer is none of a test that this browser began, or it came too late. */
  | { readonly how: 'unknown' }
  | {
      readonly how: 'refused'
      readonly clientId: string
      readonly error: string
      readonly why: string
    }
  /** Signed in; the gateway has not what it takes to redeem the code in the application's name. */
  | { readonly how: 'code'; readonly clientId: string }
  | {
      readonly how: 'tokens'
      readonly clientId: string
      readonly idToken: Readonly<Record<string, unknown>>
      readonly userinfo: Readonly<Record<string, unknown>>
    }

/** What the pages of applications need of the provider; see `provider/console_applications.ts`. */
export interface ConsoleApplications {
  /** Those of the settings file. */
  readonly declared: readonly Registration[]
  /** Where applications read how to reach the gateway. */
  readonly issuer: string
  /** Why the OP would not take it, in its own words; null: it does. */
  fault(registration: Registration): Promise<string | null>
  /** What an application would be told of somebody, by the function that tells it. */
  preview(clientId: string, account: Account): Promise<Readonly<Record<string, unknown>>>
  /** Host that its pairwise identifiers are made for; null: it has none of its own. */
  sectorOf(clientId: string): Promise<string | null>
  /** What applications of a sector call somebody. */
  pairwise(sector: string, sub: string): string
  /** Begins a sign-in in the name of an application; where to send the browser. */
  beginTest(clientId: string, prompt: string, browser: string): Promise<string | null>
  finishTest(pathAndQuery: string, browser: string): Promise<Tested>
}

/** Where test sign-ins come back to. */
export const TEST_RETURN_PATH = '/admin/application-test'
