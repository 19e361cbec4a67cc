import type { Logger } from 'pino'
import type { Deps } from '../accounts/ports.ts'
import { createMailRenderer } from '../views/mails.ts'
import { createDeliveries, type DeliveryOptions } from './deliveries.ts'
import { createLetters } from './letters.ts'
import { createMailer } from './mailer.ts'
import { type OutboxWorker, startOutboxWorker } from './outbox_worker.ts'
import type { Settings } from './settings.ts'

type MailSettings = Pick<
  Settings,
  'issuer' | 'school' | 'time_zone' | 'default_locale' | 'smtp_url' | 'mail_from'
>

/** How mail is written and sent; null where the settings name no mail server. */
const createMail = (settings: MailSettings, deps: Deps) => {
  const { issuer, default_locale: defaultLocale, smtp_url: smtpUrl, mail_from: address } = settings
  if (smtpUrl === undefined || address === undefined) {
    return null
  }
  const schoolName = settings.school.name
  const renderer = createMailRenderer({ schoolName, timeZone: settings.time_zone })
  return {
    write: createLetters({ deps, renderer, issuer, defaultLocale }),
    mailer: createMailer(smtpUrl, { name: schoolName, address }),
  }
}

/** Delivers what acts have queued, until it is stopped. */
export const startDelivering = (
  settings: MailSettings,
  deps: Deps,
  log: Logger,
  tellLogout: DeliveryOptions['tellLogout'],
): OutboxWorker => {
  const mail = createMail(settings, deps)
  const deliveries = createDeliveries({ deps, log, mail, tellLogout })
  const worker = startOutboxWorker({ deps, deliveries, log })
  return {
    stop: async () => {
      await worker.stop()
      mail?.mailer.close()
    },
  }
}
