import { describe, expect, it } from 'vitest'
import { isAskedAgain } from '../../accounts/asked_again.ts'
import type { Device } from '../../accounts/ports.ts'

const ADDED = 1_000
const here = { browserId: 'today', browser: 'Firefox', system: 'Windows' }

const device = (browserId: string, more: Partial<Device> = {}): Device => ({
  id: browserId,
  sub: 'camille',
  browserId,
  name: 'Room 201',
  browserName: 'Firefox',
  systemName: 'Windows',
  network: '192.0.2.0/24',
  addedAt: ADDED,
  lastSeenAt: ADDED,
  addedUnder: 'pin',
  ...more,
})

const pinOn = (browserId: string | null, atMs = ADDED + 1) => ({ browserId, atMs })

describe('the PIN was asked again although this device was added', () => {
  it('when it was last typed on a browser nobody knew, after a device like this one was added', () => {
    expect(isAskedAgain(here, [device('first')], pinOn('second'))).toBe(true)
    expect(isAskedAgain(here, [device('first')], pinOn(null))).toBe(true)
  })

  it('when the device was added again in between', () => {
    const devices = [
      device('first'),
      device('second', { addedAt: ADDED + 1, lastSeenAt: ADDED + 1 }),
    ]
    expect(isAskedAgain(here, devices, pinOn('second'))).toBe(true)
  })

  it.each([
    ['no PIN was typed yet', [device('first')], undefined],
    ['no device was added', [], pinOn('second')],
    ['the last PIN was the one that the device was added with', [device('first')], pinOn('first')],
    ['it was typed before that', [device('first')], pinOn('second', ADDED)],
    ['this browser keeps its cookie, and was not added', [device('first')], pinOn('today')],
    ['this is that device', [device('today')], pinOn('second')],
    ['the device is another browser', [device('first', { browserName: 'Edge' })], pinOn('second')],
    ['it is another system', [device('first', { systemName: 'Linux' })], pinOn('second')],
    ['the device has been recognised since', [device('first', { lastSeenAt: 9_000 })], pinOn('x')],
    [
      'the last PIN was typed on a computer that has been recognised since',
      [device('first'), device('second', { addedAt: ADDED + 1, lastSeenAt: 9_000 })],
      pinOn('second'),
    ],
  ])('but not when %s', (_, devices, lastPin) => {
    expect(isAskedAgain(here, devices, lastPin)).toBe(false)
  })
})
