import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { notMeToken } from '../../accounts/not_me.ts'
import { type Letter, openLetter } from '../../accounts/outbox.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import type { School } from '../support/school.ts'

/** Settings of a school that writes mails; none arrives, they stay in the outbox. */
export const WRITES_MAILS = { smtp_url: 'smtp://127.0.0.1:9', mail_from: 'ecole@tilleuls.example' }

export type NoticeLetter = Extract<Letter, { template: 'notice' }>

interface Row {
  readonly id: string
  readonly sealed: string
}

/** Mails written to a person so far, oldest first: as they lie in the database, taken or not. */
export const lettersTo = (school: School, sub: string): Letter[] => {
  const database = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
  try {
    const rows = database
      .prepare("SELECT id, sealed FROM outbox WHERE kind = 'mail' ORDER BY seq")
      .all() as unknown as Row[]
    const { deps } = school.gateway.core
    return rows
      .map(({ id, sealed }) =>
        openLetter(deps, { id, sealed, kind: 'mail', createdAt: 0, attempts: 0 }),
      )
      .filter((letter) => letter.sub === sub)
  } finally {
    database.close()
  }
}

export const noticeLettersTo = (school: School, sub: string): NoticeLetter[] =>
  lettersTo(school, sub).filter((letter) => letter.template === 'notice')

/** What those mails tell. */
export const mailedTo = (school: School, sub: string): string[] =>
  noticeLettersTo(school, sub).map(({ code }) => code)

/** Where *This wasn't me* leads in the newest mail about this. */
export const notMeLink = (school: School, sub: string, code: string): string => {
  const letter = noticeLettersTo(school, sub).findLast((each) => each.code === code)
  if (letter === undefined) {
    throw new Error(`no mail about ${code}`)
  }
  const { noticeId, atMs } = letter
  return `/not-me?token=${notMeToken(school.gateway.core.deps, { sub, noticeId, atMs })}`
}
