import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PAGES } from '../interactions/account.ts'
import {
  createTranslator,
  LOCALES,
  type Message,
  placeholdersOf,
  readMessages,
} from '../views/i18n.ts'
import { createRenderer } from '../views/render.ts'
import { CONSOLE_SAMPLES, renderConsoleSample } from './fixtures/console.ts'
import { CONTINUE, frameOf, SAMPLES, SCHOOL } from './fixtures/pages.ts'

const TEMPLATES = join(import.meta.dirname, '../views/templates')
const messages = { fr: readMessages('fr'), en: readMessages('en') }
const textsOf = (message: Message): string[] =>
  typeof message === 'string'
    ? [message]
    : Object.entries(message).flatMap(([name, text]) => (name === 'by' ? [] : [text]))

describe('the two languages', () => {
  it('have the same messages', () => {
    expect([...messages.fr.keys()].sort()).toEqual([...messages.en.keys()].sort())
  })

  it('fill the same values into each message', () => {
    const holes = (locale: 'fr' | 'en') =>
      Object.fromEntries([...messages[locale]].map(([key, text]) => [key, placeholdersOf(text)]))
    expect(holes('fr')).toEqual(holes('en'))
  })

  it('know one and many wherever they count', () => {
    const counting = LOCALES.flatMap((locale) =>
      [...messages[locale].values()].filter((message) => typeof message !== 'string'),
    )
    expect(counting.length).toBeGreaterThan(0)
    for (const message of counting)
      expect(Object.keys(message).sort()).toEqual(['by', 'one', 'other'])
  })

  it('never break a French line before a double punctuation mark', () => {
    const texts = [...messages.fr.values()].flatMap(textsOf)
    expect(texts.filter((text) => / [?!;:»]|« /.test(text))).toEqual([])
  })

  it('have one word for mail in French', () => {
    const texts = [...messages.fr.values()].flatMap(textsOf)
    expect(texts.filter((text) => /courriel|e-mail/i.test(text))).toEqual([])
  })

  it('use typographic apostrophes', () => {
    const texts = LOCALES.flatMap((locale) => [...messages[locale].values()].flatMap(textsOf))
    expect(texts.filter((text) => text.includes("'"))).toEqual([])
  })
})

describe('messages and pages', () => {
  it('have every message that a template names', () => {
    const files = readdirSync(TEMPLATES, { recursive: true, encoding: 'utf8' })
    const named = files
      .filter((file) => file.endsWith('.njk'))
      .flatMap((file) =>
        [...readFileSync(join(TEMPLATES, file), 'utf8').matchAll(/\bt\(\s*'([\w.]+)'\s*[,)]/g)].map(
          ([, key = '']) => key,
        ),
      )
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter((key) => !messages.en.has(key))).toEqual([])
  })

  it('say what each form of the account does, where it is to be confirmed after a proof', () => {
    const forms = Object.entries(PAGES).flatMap(([page, { forms }]) =>
      Object.keys(forms).map((form) => `account.kept_what.${page}_${form}`),
    )
    expect(forms).toContain('account.kept_what.address_change')
    const said = [...messages.en.keys()].filter((key) => key.startsWith('account.kept_what.'))
    expect(said.sort()).toEqual(forms.sort())
  })

  const renderer = createRenderer({ school: SCHOOL })
  const shown = LOCALES.flatMap((locale) => [
    ...[...SAMPLES, ...CONTINUE].map(({ page, model }) =>
      renderer.render(page, model, frameOf(locale)),
    ),
    ...CONSOLE_SAMPLES.map((sample) => renderConsoleSample(renderer, sample, locale)),
  ]).join('\n')

  it.each(LOCALES)('show every message somewhere (%s)', (locale) => {
    const seen = (text: string) => {
      // A search that begins with any text at all tries each place of each page.
      const literal = text.replace(/^\{\w+\}/, '').replace(/[.*+?^$()|[\]\\]/g, '\\$&')
      return new RegExp(literal.replace(/\{\w+\}/g, '[^<]+')).test(shown)
    }
    // Those of mails are shown by the mails themselves.
    const ofPages = [...messages[locale]].filter(([key]) => !key.startsWith('mails.'))
    const unused = ofPages.filter(([, message]) => !textsOf(message).some(seen))
    expect(unused.map(([key]) => key)).toEqual([])
  })
})

describe('a translator', () => {
  const say = { fr: createTranslator('fr'), en: createTranslator('en') }

  it('counts as each language does', () => {
    expect(say.en('keypad.entered', { count: 0 })).toBe('0 digits entered')
    expect(say.en('keypad.entered', { count: 1 })).toBe('1 digit entered')
    expect(say.fr('keypad.entered', { count: 0 })).toBe('0 chiffre saisi')
    expect(say.fr('keypad.entered', { count: 4 })).toBe('4 chiffres saisis')
  })

  it('refuses to leave a hole in a page', () => {
    expect(() => say.en('login.no_such_text')).toThrow('login.no_such_text')
    expect(() => say.fr('errors.password_short')).toThrow('min')
  })
})
