import { fullName, pinState } from '../accounts/account.ts'
import {
  type AdministerResult,
  disable,
  enable,
  resetPin,
  unblockPin,
} from '../accounts/administer.ts'
import { type PasswordStateWord, passwordStanding } from '../accounts/password_states.ts'
import { secureAccount } from '../accounts/secure_account.ts'
import { effectiveProtection, policyFor } from '../policies/policy.ts'
import { type Command, type Context, EXIT, type Exit } from './command.ts'
import { table, time, words } from './output.ts'
import { findPerson, type Person, WHO, WHO_OPTIONS } from './person.ts'

/** A command about one person. */
const about =
  (act: (context: Context, person: Person) => Promise<Exit>) =>
  async (context: Context): Promise<Exit> => {
    const person = await findPerson(context, context.positionals[0])
    return person === null ? EXIT.refused : act(context, person)
  }

/** States in which a new password is asked for at the next connection. */
const CHANGED_NEXT: ReadonlySet<PasswordStateWord> = new Set([
  'initial',
  'temporary',
  'must_change',
  'expired',
])

const mustChange = (state: PasswordStateWord): boolean => CHANGED_NEXT.has(state)

const describe = async ({ account, core }: Person) => {
  const { deps } = core
  const policy = policyFor(await deps.store.policies.current(), account)
  const devices = await deps.store.devices.list(account.sub)
  const password = await passwordStanding(deps, account, policy)
  return {
    identifier: account.identifier,
    name: fullName(account),
    sub: account.sub,
    external_id: account.externalId,
    user_type: account.userType,
    establishments: account.establishments,
    classes: account.classes,
    password: password.state,
    password_since: password.since === null ? null : time(password.since),
    password_set: account.password === null ? null : time(account.password.setAt),
    must_change: mustChange(password.state),
    protection: effectiveProtection(policy, account.protection, account.pin !== null),
    pin: pinState(account.pin),
    devices: devices.length,
    disabled: account.disabledAt === null ? null : time(account.disabledAt),
    created: time(account.createdAt),
  }
}

const wordsOf = (value: string | number | boolean | readonly string[]): string =>
  typeof value === 'boolean' ? (value && 'yes') || 'no' : String(value).replaceAll(',', ', ') || '-'

const WORDS_OF_NULL: Record<string, string> = { protection: 'not yet chosen', disabled: 'no' }

const show = about(async ({ out }, person) => {
  const described = await describe(person)
  const rows = Object.entries(described).map(([key, value]) => [
    words(key),
    value === null ? (WORDS_OF_NULL[key] ?? '-') : wordsOf(value),
  ])
  table(rows).forEach(out.line)
  out.data(described)
  return EXIT.ok
})

const devices = about(async ({ out }, { account, core }) => {
  const list = await core.deps.store.devices.list(account.sub)
  const rows = list.map((device) => [
    device.name,
    `${device.browserName}, ${device.systemName}`,
    device.network,
    time(device.addedAt),
    time(device.lastSeenAt),
  ])
  if (rows.length === 0) {
    out.line('No recognised devices')
  } else {
    table([['NAME', 'BROWSER', 'NETWORK', 'ADDED', 'LAST SEEN'], ...rows]).forEach(out.line)
  }
  out.data(
    list.map(({ id, name, browserName, systemName, network, addedAt, lastSeenAt, addedUnder }) => ({
      id,
      name,
      browser: browserName,
      system: systemName,
      network,
      added: time(addedAt),
      last_seen: time(lastSeenAt),
      added_under: addedUnder,
    })),
  )
  return EXIT.ok
})

const REFUSALS = {
  unknown_account: 'the account is gone',
  no_pin: 'has no PIN',
  last_administrator:
    'is the last identity administrator: invite another one first, or say --force; ' +
    '"admin invite --recover" makes a new one then',
  pin_not_offered: 'the policy of this user type offers no PIN',
  changed_meanwhile: 'the PIN was changed at the same moment: look again',
} as const

/** Says what an act came to: done, so already, or refused. */
const administer = (
  done: string,
  already: string,
  act: (person: Person, by: string, values: Context['values']) => Promise<AdministerResult>,
) =>
  about(async ({ out, by, values }, person) => {
    const { identifier } = person.account
    const result = await act(person, by, values)
    if (!result.ok) {
      out.problem({ where: `"${identifier}"`, message: REFUSALS[result.reason] })
      return EXIT.refused
    }
    out.line(`"${identifier}": ${result.changed ? done : already}`)
    out.data({ identifier, changed: result.changed })
    return EXIT.ok
  })

const reset = about(async ({ out, by }, { account, core }) => {
  const { identifier, sub } = account
  const result = await resetPin(core.deps, core.endEverything, sub, by)
  if (!result.ok) {
    out.problem({ where: `"${identifier}"`, message: REFUSALS[result.reason] })
    return EXIT.refused
  }
  const { pin, devicesForgotten } = result
  out.line(`"${identifier}": new PIN ${pin}`)
  out.line('Shown this once; to be changed at first use.')
  out.line(`All sessions ended, ${devicesForgotten} recognised devices forgotten.`)
  out.data({ identifier, pin, devices_forgotten: devicesForgotten })
  return EXIT.ok
})

const aboutOne = {
  usage: WHO,
  options: WHO_OPTIONS,
  positionals: [0, 1],
} as const satisfies Partial<Command>

export const peopleShow: Command = {
  ...aboutOne,
  name: 'people show',
  summary: 'what is known of a person and of their sign-in',
  run: show,
}

export const peopleDevices: Command = {
  ...aboutOne,
  name: 'people devices',
  summary: 'lists recognised devices',
  run: devices,
}

export const peopleUnblock: Command = {
  ...aboutOne,
  name: 'people unblock',
  summary: 'lets a blocked PIN be tried again; the PIN stays',
  run: administer(
    'PIN unblocked',
    'the PIN was not blocked; its wrong tries are forgotten',
    (person, by) => unblockPin(person.core.deps, person.account.sub, by),
  ),
}

export const peopleResetPin: Command = {
  ...aboutOne,
  name: 'people reset-pin',
  summary: 'generates a PIN, shown once; forgets devices, ends sessions',
  run: reset,
}

export const peopleVoidPassword: Command = {
  ...aboutOne,
  name: 'people void-password',
  summary:
    'for suspected theft: voids the password, blocks the PIN, forgets devices, ends sessions',
  run: administer(
    'shut: password void, PIN blocked, devices forgotten; sessions ended',
    'shut already; sessions ended',
    ({ core, account }, by) =>
      secureAccount(core.deps, core.endEverything, account.sub, 'password_voided', by),
  ),
}

export const peopleDisable: Command = {
  ...aboutOne,
  name: 'people disable',
  usage: `${WHO} [--force]`,
  options: { ...WHO_OPTIONS, force: { type: 'boolean' } },
  summary: 'shuts an account out and ends its sessions; --force: even the last administrator',
  run: administer('disabled', 'disabled already', ({ core, account }, by, values) =>
    disable(core.deps, core.endEverything, account.sub, by, {
      evenTheLast: values['force'] === true,
    }),
  ),
}

export const peopleEnable: Command = {
  ...aboutOne,
  name: 'people enable',
  summary: 'lets a disabled account in again',
  run: administer('enabled', 'was not disabled', ({ core, account }, by) =>
    enable(core.deps, account.sub, by),
  ),
}
