import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generatePin, judgePin, type PinRefusal } from '../../policies/pin_rules.ts'

const nobody = { identifier: 'e.martin', minLength: 4, maxLength: 12 }
const bornInMarch = { ...nobody, birthDate: '2009-03-14' }
const reasonFor = (pin: string, about: Parameters<typeof judgePin>[1] = nobody) => {
  const judgement = judgePin(pin, about)
  return judgement.ok ? 'accepted' : judgement.reason
}
const everyPin = (length: number) =>
  Array.from({ length: 10 ** length }, (_, value) => String(value).padStart(length, '0'))

describe('a PIN that anybody would try first is refused, with the reason', () => {
  const REFUSED: Record<
    Exclude<PinRefusal, 'guessable_birth_date' | 'guessable_identifier'>,
    string
  > = {
    format: '123 12a4 ١٢٣٤ １２３４ -123 1e10 1234567890123',
    guessable_repeat: '0000 7777 1112 7677 111111 122122 212221 999999999999',
    guessable_sequence: `1234 4321 0123 7890 8901 9012 0987 1098 2109 1357 2468 9630 0369 123456
        654321 890123 321098 12345678 101112 102030 908070`,
    guessable_pairs: `1212 4747 1122 7744 1221 8558 123123 907907 121212 474747 112233 668844
        444777 123321 907709 48284 1231231 48155184`,
    guessable_year: '1900 1968 1999 2000 2026 2039 19982001',
    guessable_date: `1789 1515 1492 1066 1848 1407 0714 1111 2512 1225 0704 1109 140789 14071789
        17890714 110901 08051945`,
    guessable_keypad: `2580 0852 1470 1590 3570 1397 0753 7931 2684 147258 159753 789456 789456123
        14789 1236987 1472580`,
  }
  // These belong to two families; the more telling one is shown.
  const TOLD_OTHERWISE: Record<string, PinRefusal> = {
    '1111': 'guessable_repeat',
    '122122': 'guessable_pairs',
    '121212': 'guessable_pairs',
    '444777': 'guessable_pairs',
  }
  for (const [reason, pins] of Object.entries(REFUSED)) {
    it.each(pins.trim().split(/\s+/))(`${reason}: %s`, (pin) => {
      expect(reasonFor(pin)).toBe(TOLD_OTHERWISE[pin] ?? reason)
    })
  }

  it('refuses an empty PIN, one with a space and one with a line end', () => {
    expect(['', '80 61', '8061\n'].map((pin) => reasonFor(pin))).toEqual(Array(3).fill('format'))
  })

  it('lets a person have what is in no family', () => {
    const fine = ['8061', '7294', '3048', '1840', '2040', '1899', '80614', '806147', '904615827361']
    expect(fine.filter((pin) => !judgePin(pin, nobody).ok)).toEqual([])
  })

  it('keeps to the lengths of the policy', () => {
    const six = { ...nobody, minLength: 6, maxLength: 6 }
    expect(['80614', '806147', '8061473'].map((pin) => reasonFor(pin, six))).toEqual([
      'format',
      'accepted',
      'format',
    ])
  })
})

describe('families, whatever their digits', () => {
  const digit = fc.integer({ min: 0, max: 9 }).map(String)
  const refused = (pin: string) => expect(reasonFor(pin)).not.toBe('accepted')
  const shapes: Record<string, (a: string, b: string, c: string) => string[]> = {
    'four digits': (a, b) => [a + a + a + a, a + b + a + b, a + a + b + b, a + b + b + a],
    'at most two digits': (a, b) => [a + a + a + b, a + b + a + a, a + b + b + b, a + a + b + a],
    'six digits': (a, b, c) => [
      a + b + c + a + b + c,
      a + b + a + b + a + b,
      a + a + b + b + c + c,
      a + a + a + b + b + b,
      a + b + c + c + b + a,
    ],
  }
  it.each(Object.entries(shapes))('%s', (_, make) => {
    fc.assert(fc.property(digit, digit, digit, (a, b, c) => make(a, b, c).forEach(refused)))
  })

  it('refuses what is read backwards like forwards, and a block written twice, up to 12 digits', () => {
    const half = fc.array(digit, { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(half, (digits) => {
        refused([...digits, ...digits].join(''))
        refused([...digits, ...digits.toReversed()].join(''))
      }),
    )
  })

  it('refuses counting up and down over the nine, from any digit, of any length', () => {
    const start = fc.integer({ min: 0, max: 9 })
    fc.assert(
      fc.property(start, fc.integer({ min: 4, max: 12 }), (first, length) => {
        const up = Array.from({ length }, (_, index) => (first + index) % 10)
        expect(reasonFor(up.join(''))).toBe('guessable_sequence')
        expect(reasonFor(up.toReversed().join(''))).toBe('guessable_sequence')
      }),
    )
  })

  it('leaves 9,090 of the 10,000 PINs of four digits', () => {
    const refusals = everyPin(4).filter((pin) => !judgePin(pin, nobody).ok)
    expect(refusals).toHaveLength(910)
  })

  it('leaves 99 of 100 PINs of six digits', () => {
    const sample = everyPin(6).filter((_, index) => index % 17 === 0)
    const refusals = sample.filter((pin) => !judgePin(pin, nobody).ok)
    expect(refusals.length / sample.length).toBeCloseTo(0.01, 2)
  })
})

describe("a person's own birth date", () => {
  it.each(
    `1403 0314 2009 1409 0914 0309 0903 140309 090314 091403 031409 032009 200903 142009 200914
     14032009 20090314 03142009 20091403 14200903`.split(/\s+/),
  )('of 14 March 2009 is refused as %s', (pin) => {
    expect(reasonFor(pin, bornInMarch)).toBe('guessable_birth_date')
  })

  it('is refused without its zeros, and with one digit beside it', () => {
    const bornOn3April = { ...nobody, birthDate: '2009-04-03' }
    expect(
      ['3409', '342009', '14038', '81403', '5140309'].map((pin) =>
        reasonFor(pin, pin.startsWith('34') ? bornOn3April : bornInMarch),
      ),
    ).toEqual(Array(5).fill('guessable_birth_date'))
  })

  it('is refused for any date and any order of day, month and year', () => {
    const two = (value: number) => String(value).padStart(2, '0')
    const date = fc.record({
      year: fc.integer({ min: 1920, max: 2025 }),
      month: fc.integer({ min: 1, max: 12 }),
      day: fc.integer({ min: 1, max: 28 }),
    })
    fc.assert(
      fc.property(
        date,
        fc.shuffledSubarray([0, 1, 2], { minLength: 2 }),
        fc.boolean(),
        (d, order, short) => {
          const year = short ? two(d.year % 100) : String(d.year)
          const pin = order.map((part) => [two(d.day), two(d.month), year][part]).join('')
          const about = { ...nobody, birthDate: `${d.year}-${two(d.month)}-${two(d.day)}` }
          expect(reasonFor(pin, about)).toBe('guessable_birth_date')
        },
      ),
    )
  })

  it('does not trouble somebody born on another day, or whose date is unknown', () => {
    expect(reasonFor('1403', { ...nobody, birthDate: '2009-06-27' })).toBe('accepted')
    expect(reasonFor('1403', nobody)).toBe('accepted')
  })
})

describe('other dates', () => {
  const strict = { ...nobody, refuseDates: true }

  it.each(['1403', '0314', '2902', '140309', '314159', '14032009', '032009', '200903'])(
    'refuses %s only where the policy asks for it',
    (pin) => {
      const isADate = pin !== '314159'
      expect(reasonFor(pin, strict)).toBe(isADate ? 'guessable_date' : 'accepted')
      expect(reasonFor(pin, nobody)).toBe('accepted')
    },
  )

  it('accepts what no calendar has', () => {
    expect(['3260', '3002', '0043', '3704'].map((pin) => reasonFor(pin, strict))).toEqual(
      Array(4).fill('accepted'),
    )
  })
})

describe('the digits of the identifier', () => {
  const about = { ...nobody, identifier: 'dupont.80614-x27' }

  it.each(['8061', '0614', '80614', '806149', '6142'])('refuses %s to dupont.80614-x27', (pin) => {
    expect(reasonFor(pin, about)).toBe('guessable_identifier')
    expect(reasonFor(pin, nobody)).toBe('accepted')
  })

  it('does not mind fewer than four digits', () => {
    expect(reasonFor('8062', { ...nobody, identifier: 'dupont806' })).toBe('accepted')
  })
})

describe('a generated PIN', () => {
  const seeded = (numbers: readonly number[]) => {
    let next = 0
    return (below: number) => (numbers[next++ % numbers.length] ?? 0) % below
  }

  it('is one that the person could have chosen, of the length asked', () => {
    const numbers = fc.array(fc.nat(), { minLength: 200, maxLength: 200, size: 'max' })
    fc.assert(
      fc.property(numbers, fc.integer({ min: 4, max: 12 }), (drawn, length) => {
        fc.pre(new Set(drawn.map((number) => number % 10)).size > 5)
        const pin = generatePin(length, seeded(drawn), bornInMarch)
        expect(pin).toHaveLength(length)
        expect(judgePin(pin, bornInMarch)).toEqual({ ok: true })
      }),
      { numRuns: 50 },
    )
  })

  it('is drawn again as long as it is guessable', () => {
    expect(generatePin(4, seeded([1, 2, 3, 4, 1, 4, 0, 3, 8, 0, 6, 1]), bornInMarch)).toBe('8061')
  })

  it('stops at a source that always says the same, and at lengths no PIN has', () => {
    expect(() => generatePin(4, () => 7, nobody)).toThrow(RangeError)
    expect(() => generatePin(3, seeded([8, 0, 6]), nobody)).toThrow(RangeError)
    expect(() => generatePin(13, seeded([8, 0, 6]), nobody)).toThrow(RangeError)
  })
})
