import { fullName } from '../accounts/account.ts'
import { erasePerson } from '../accounts/erase.ts'
import { type Command, EXIT } from './command.ts'
import { findPerson, WHO, WHO_OPTIONS } from './person.ts'

const REFUSALS = {
  unknown_account: 'the account is gone',
  oneself: 'nobody erases themselves',
  last_administrator: 'is the last identity administrator: invite another one first',
} as const

export const peopleErase: Command = {
  name: 'people erase',
  usage: `${WHO} --yes`,
  summary: 'removes a person for good; their identifier is never given to anybody again',
  options: { ...WHO_OPTIONS, yes: { type: 'boolean' } },
  positionals: [0, 1],
  async run(context) {
    const { out, by, values, positionals } = context
    const person = await findPerson(context, positionals[0])
    if (person === null) {
      return EXIT.refused
    }
    const { account, core } = person
    const { identifier, sub } = account
    const where = `"${identifier}"`
    if (values['yes'] !== true) {
      const message = `${fullName(account)}: cannot be undone; say --yes to erase this person`
      out.problem({ where, message })
      return EXIT.refused
    }
    const result = await erasePerson(core.deps, core.endEverything, sub, by)
    if (!result.ok) {
      out.problem({ where, message: REFUSALS[result.reason] })
      return EXIT.refused
    }
    out.line(`${where}: erased; what stays is "${sub}" and the proof in the audit`)
    out.data({ sub, erased: true })
    return EXIT.ok
  },
}
