import { erasedAt, goneSince, purgeLeavers } from '../accounts/purge_leavers.ts'
import { type Command, EXIT } from './command.ts'
import { many, time } from './output.ts'

export const peoplePurgeLeavers: Command = {
  name: 'people purge-leavers',
  usage: '[--dry-run]',
  summary:
    'erases people who left longer ago than leavers_kept_days; the gateway does so by itself',
  options: { 'dry-run': { type: 'boolean' } },
  positionals: [0, 0],
  async run({ out, by, values, core: open }) {
    const core = await open()
    const { deps, endEverything, leaversKeptDays: keptDays } = core
    const since = goneSince(deps.clock(), keptDays)
    const { all, due, firstLeftAt } = await deps.store.accounts.gone(since)
    const dryRun = values['dry-run'] === true
    const erased = dryRun ? 0 : await purgeLeavers(deps, endEverything, { keptDays, by })
    const rest = all - erased
    out.line(
      dryRun
        ? `${many(due, 'person', 'people')} left more than ${keptDays} days ago and would be erased`
        : `${many(erased, 'person', 'people')} erased; ${rest} who left later are kept`,
    )
    if (dryRun && firstLeftAt !== null && due === 0) {
      out.line(
        `${all} who left are kept; the first is erased ${time(erasedAt(firstLeftAt, keptDays))}`,
      )
    }
    if (dryRun) {
      out.line('Dry run: nothing was written')
    }
    out.data({ dry_run: dryRun, kept_days: keptDays, left: all, due, erased })
    return EXIT.ok
  },
}
