import type { Browser, View } from './browser.ts'

/** The fields of a form as they stand on the page, to be ticked and unticked; undefined takes one away. */
export const fieldsOf = ({ html }: View, selector = 'main form'): Record<string, string> => {
  const form = html.querySelector(selector)
  if (form === null) {
    throw new Error(`no form ${selector} on the page`)
  }
  const fields: Record<string, string> = {}
  for (const input of form.querySelectorAll('input[name]')) {
    const type = input.getAttribute('type') ?? 'text'
    if (!['checkbox', 'radio'].includes(type) || input.hasAttribute('checked')) {
      fields[input.getAttribute('name') ?? ''] = input.getAttribute('value') ?? ''
    }
  }
  for (const area of form.querySelectorAll('textarea[name]')) {
    fields[area.getAttribute('name') ?? ''] = area.text
  }
  return fields
}

export type FieldChanges = Readonly<Record<string, string | undefined>>

/** Sends the form of the page with some fields changed, to its own address or to another. */
export const send = (browser: Browser, changes: FieldChanges, to?: string): Promise<View> => {
  const action = browser.view.html.querySelector('main form')?.getAttribute('action') ?? ''
  const fields = { ...fieldsOf(browser.view), ...changes }
  const given = Object.entries(fields).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return browser.post(to ?? action, Object.fromEntries(given))
}

/** Changes the policy of a type as an administrator does: the form, its preview, and why. */
export const changePolicy = async (
  browser: Browser,
  type: string,
  changes: FieldChanges,
  more: FieldChanges = {},
): Promise<View> => {
  await browser.open(`/admin/policies/${type}`)
  await send(browser, changes)
  return send(browser, { why: 'Council of 12 September', ...more })
}
