import type { Administrator, Forbidden } from '../policies/admin_rights.ts'
import type { PolicySet } from '../policies/policy.ts'
import type { Account } from './account.ts'
import type { GeneratedPin } from './administer.ts'
import type { JobResult } from './job_ports.ts'
import type { Deps, Tables } from './ports.ts'

/** Everything that can be asked for many people at once. */
export const PEOPLE_ACTS = [
  'force_change',
  'void_password',
  'temporary_passwords',
  'new_pin',
  'unblock_pin',
  'forget_devices',
  'end_sessions',
  'disable',
  'enable',
  'erase',
] as const
export type PeopleActName = (typeof PEOPLE_ACTS)[number]

export const isPeopleAct = (value: unknown): value is PeopleActName =>
  (PEOPLE_ACTS as readonly unknown[]).includes(value)

/** What became of one person. Closed: each has words. */
export type PersonOutcome =
  | Forbidden
  /** It was done to them. */
  | 'done'
  /** It was so already. */
  | 'already'
  /** Nobody any more. */
  | 'gone'
  | 'disabled'
  /** The administrator holds no role any more that may. */
  | 'no_right'
  | 'no_password'
  | 'password_void'
  /** Where only older ones were asked for: as today's rules want them. */
  | 'up_to_date'
  /** They keep a password of their own, as was asked. */
  | 'personal_kept'
  | 'no_pin'
  /** Their policy offers none. */
  | 'pin_not_offered'
  /** Nobody can write to them. */
  | 'no_address'
  /** Their password was reset by mail within a day: the PIN must not go to the same address. */
  | 'recent_mail_reset'
  /** The same administrator issued the other secret within a day. */
  | 'other_secret_issued'
  /** It changed while it was being done; to be done again. */
  | 'changed_meanwhile'
  /** Of an undo: it is no longer as the job had left it. */
  | 'changed_since'
  /** They are the last identity administrator. */
  | 'last_admin'

/** Options of the acts; each looks at its own. */
export interface ActOptions {
  /** `force_change`: only those whose password is older than today's rules for their type. */
  readonly olderThanRules?: boolean
  /** `temporary_passwords`: leaves out those who have a password of their own that serves. */
  readonly keepPersonal?: boolean
  /** `new_pin`: how it reaches its owner. */
  readonly deliver?: 'mail' | 'paper'
}

/** One chunk of an act. */
export interface ActRun {
  readonly deps: Deps
  /** Null: a single act on a page. */
  readonly jobId: string | null
  readonly who: Administrator
  readonly policies: PolicySet
  readonly options: ActOptions
}

/** What an act did to one person. */
export interface Acted {
  readonly sub: string
  readonly outcome: PersonOutcome
  /** Their sessions, grants and tokens are to end after the commit. */
  readonly ends?: boolean
}

/** What takes too long for a transaction, by `sub`. */
export type Prepared = ReadonlyMap<string, GeneratedPin>

/** An act on many people: on those of a chunk whom its administrator may act on. */
export interface PeopleAct {
  /** It is for people who are disabled, too. */
  readonly onDisabled: boolean
  /** People in one transaction, at the beginning and at most. */
  readonly sizes: readonly [first: 20 | 50 | 100, most: 50 | 100 | 200 | 400]
  prepare?(run: ActRun, accounts: readonly Account[]): Promise<Prepared>
  /** In the transaction, with the accounts as they are in it. */
  apply(
    run: ActRun,
    tables: Tables,
    accounts: readonly Account[],
    prepared: Prepared,
  ): Promise<readonly Acted[]>
}

export const resultOf = ({ sub, outcome }: Acted): JobResult => ({
  subject: sub,
  outcome,
  detail: null,
})

/** Runs an act that knows one person at a time on all of a chunk. */
export const oneByOne =
  (
    act: (run: ActRun, tables: Tables, account: Account) => Promise<Omit<Acted, 'sub'>>,
  ): PeopleAct['apply'] =>
  async (run, tables, accounts) => {
    const acted: Acted[] = []
    for (const account of accounts) {
      acted.push({ sub: account.sub, ...(await act(run, tables, account)) })
    }
    return acted
  }
