import type { Button } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import { interactionPath, type Step } from './step.ts'

/** Where a new password is judged as it is typed. */
export const JUDGE = 'judge_password'

export const judgeButton = ({ site, uid }: Pick<Step, 'site' | 'uid'>): Button => ({
  action: `${interactionPath(uid)}/${JUDGE}`,
  csrf: csrfToken(site, uid, JUDGE),
})
