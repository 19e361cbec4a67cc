/**
 * `node tools/settings_doc.ts` writes `docs/settings.md` from the schema of the settings, which
 * stays the one place where they are described.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Described } from '../accounts/field_words.ts'
import { CLAIMS_OF_SCOPE } from '../accounts/registration.ts'
import { allowedWords, describeSchema } from '../provider/setting_words.ts'
import { settingsSchema } from '../provider/settings.ts'
import { KEY_VARIABLES, variableOf } from '../provider/settings_variables.ts'

export const SETTINGS_DOC = join(import.meta.dirname, '..', 'docs', 'settings.md')

const INTRODUCTION = `# Settings

*Written by \`node tools/settings_doc.ts\` from the schema in \`provider/settings.ts\`: change it there.*

The gateway reads \`vestibule.yaml\` in the folder where it is started, or the file that
\`VESTIBULE_CONFIG\` names. A commented one to begin with is \`vestibule.example.yaml\`. Without any
file, variables alone are enough.

- **Variables win.** Each setting outside \`applications\` has a variable, named in the tables. Lists
  are separated by commas; an empty list variable empties the list.
- **Nothing is guessed.** An unknown setting or variable, a value out of range, a key written twice:
  all are listed at once, with line or variable and the allowed values, and nothing starts.
  Variables that begin with \`VESTIBULE_DEMO_\` belong to the demonstration and are passed over;
  those that begin with \`VESTIBULE_SECRET_\` hold secrets of applications.
- **An empty setting** (\`name:\` with nothing behind it) counts as not written.
- **Relative paths** in the file start at the folder of the file.
- Texts that look like numbers, and values that begin with \`#\` or \`[\`, need quotes:
  \`phone: '0240000000'\`, \`accent: '#17697a'\`, \`listen: '[::1]:3000'\`.
`

const KEYS_INTRODUCTION = `## Keys

Made at the first start in the data folder (\`keys.json\`, readable by its owner only), unless
variables give them. They have no place in the settings file, which is copied and shown around.
Keep them as long as the database: the gateway refuses to start with others.
`

const KEYS_ROTATION = `**Rotating \`VESTIBULE_SEALING_KEY\`** (or \`sealing\` in \`keys.json\`): put a new key under an id of its
own in front of the old one, \`k2:NEW,k1:OLD\`, and start the gateway again. What is sealed from then
on is sealed under \`k2\`. The gateway seals the seeds of all OTP keys anew, whatever their state,
beginning a minute after its start; a key that is used before is done at that moment. Seeds that do
not open are named in the log. Mails that wait to be sent, and the links in them, need the old key
for another week. Where several processes share a database, first start each with
\`k1:OLD,k2:NEW\`, so that all can read what any of them seals; do the same with the command line.
The gateway refuses to start where an id is missing that the database has known: the old key stays
named, though nothing is sealed under it any more. Backups of the database from before need it.
`

const cell = (text: string): string => text.replaceAll('|', '\\|')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map(cell).join(' | ')} |`)
    .join('\n')

function shownDefault({ shown_default, default: value }: Described, required: boolean): string {
  if (shown_default !== undefined) return shown_default
  if (value === undefined) return required ? '**required**' : 'none'
  const listed = Array.isArray(value) ? value.join(', ') || 'none' : String(value)
  return listed === 'none' ? listed : `\`${listed}\``
}

/** The settings of one group, groups within it included. */
function rowsOf(group: Described, above: string, withVariables: boolean): string[][] {
  return Object.entries(group.properties ?? {}).flatMap(([key, described]) => {
    const name = above === '' ? key : `${above}.${key}`
    if (isGroup(described)) return rowsOf(described, name, withVariables)
    const required = group.required?.includes(key) === true
    return [
      [
        `\`${name}\``,
        ...(withVariables ? [`\`${variableOf(name.split('.'))}\``] : []),
        allowedWords(described),
        shownDefault(described, required),
        described.description ?? '',
      ],
    ]
  })
}

const isGroup = ({ type, one_value, properties }: Described): boolean =>
  type === 'object' && one_value !== true && properties !== undefined

const HEAD = ['setting', 'variable', 'must be', 'default', 'meaning']
const HEAD_OF_APPLICATIONS = HEAD.filter((title) => title !== 'variable')

/** The settings at the top, those that are neither groups nor the applications. */
function general({ properties = {}, ...root }: Described): Described {
  const lone = Object.entries(properties).filter(
    ([name, one]) => name !== 'applications' && !isGroup(one),
  )
  return { ...root, properties: Object.fromEntries(lone) }
}

/** The whole document. */
export function settingsDoc(): string {
  const schema = describeSchema(settingsSchema)
  const groups = Object.entries(schema.properties ?? {}).filter(([, one]) => isGroup(one))
  const applications = schema.properties?.['applications']
  const scopes = Object.entries(CLAIMS_OF_SCOPE).map(([scope, claims]) => [
    `\`${scope}\``,
    claims.map((claim) => `\`${claim}\``).join(' ') || 'none; allows refresh tokens',
  ])
  const keys = Object.values(KEY_VARIABLES).map((one) => [`\`${one.variable}\``, one.meaning])
  return [
    INTRODUCTION,
    `## General\n\n${table(HEAD, rowsOf(general(schema), '', true))}\n`,
    ...groups.map(
      ([name, group]) =>
        `## \`${name}\`\n\n${group.description}\n\n${table(HEAD, rowsOf(group, name, true))}\n`,
    ),
    `## \`applications\`\n\n${applications?.description} A list; the names are those of OpenID Connect`,
    'Dynamic Client Registration, with a few of our own.\n',
    `${table(HEAD_OF_APPLICATIONS, rowsOf(applications?.items ?? {}, '', false))}\n`,
    `Claims that each scope carries:\n\n${table(['scope', 'claims'], scopes)}\n`,
    `${KEYS_INTRODUCTION}\n${table(['variable', 'meaning'], keys)}\n`,
    KEYS_ROTATION,
  ].join('\n')
}

if (import.meta.main) writeFileSync(SETTINGS_DOC, settingsDoc())
