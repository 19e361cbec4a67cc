import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holidaysIn, removeCalendar, saveCalendar } from '../../accounts/calendars.ts'
import type { HolidaysRead } from '../../accounts/holiday.ts'
import { holidayDoubts } from '../../accounts/holiday_doubts.ts'
import { readHolidayFile } from '../../accounts/holiday_file.ts'
import type { Deps } from '../../accounts/ports.ts'
import { dayAfter } from '../../policies/days.ts'
import { temporaryStore } from '../adapters/temporary.ts'

const PARIS = 'Europe/Paris'
const NOW = Date.UTC(2026, 10, 24, 8, 0, 0)

const read = (text: string): HolidaysRead => readHolidayFile(text, { timeZone: PARIS, nowMs: NOW })

/** `2026-12-19 2027-01-03 Noël`, or what is wrong: `3: …`. */
const summary = (text: string): string[] => {
  const result = read(text)
  return result.ok
    ? result.holidays.map(({ first, last, name }) => `${first} ${last} ${name}`)
    : result.problems.map(({ line, message }) => `${line}: ${message}`)
}

const ics = (...events: string[]): string =>
  [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//school//EN',
    ...events.flatMap((event, index) => [
      'BEGIN:VEVENT',
      `UID:${event.includes('RECURRENCE-ID') ? index - 1 : index}@school`,
      ...event.split('\n'),
      'END:VEVENT',
    ]),
    'END:VCALENDAR',
    '',
  ].join('\r\n')

const NOEL = 'DTSTART;VALUE=DATE:20261219\nDTEND;VALUE=DATE:20270104\nSUMMARY:Vacances de Noël'

describe('a calendar file', () => {
  it('ends an event of days on the day before its DTEND', () => {
    expect(summary(ics(NOEL))).toEqual(['2026-12-19 2027-01-03 Vacances de Noël'])
    expect(summary(`\ufeff${ics(NOEL).replaceAll('\r\n', '\n')}`)).toHaveLength(1)
  })

  it.each([
    ['no end', 'DTSTART;VALUE=DATE:20270517', '2027-05-17 2027-05-17'],
    [
      'an end like its beginning',
      'DTSTART;VALUE=DATE:20270517\nDTEND;VALUE=DATE:20270517',
      '2027-05-17 2027-05-17',
    ],
    ['a duration', 'DTSTART;VALUE=DATE:20270517\nDURATION:P2D', '2027-05-17 2027-05-18'],
    [
      'times within a day',
      'DTSTART:20270517T080000\nDTEND:20270517T180000',
      '2027-05-17 2027-05-17',
    ],
    [
      'an evening to a morning',
      'DTSTART:20261218T180000\nDTEND:20270104T080000',
      '2026-12-19 2027-01-03',
    ],
    [
      'midnight to midnight',
      'DTSTART:20261219T000000\nDTEND:20270104T000000',
      '2026-12-19 2027-01-03',
    ],
    [
      'a morning to an afternoon',
      'DTSTART:20261218T080000\nDTEND:20270104T140000',
      '2026-12-18 2027-01-04',
    ],
    [
      'an afternoon that is a morning of UTC',
      'DTSTART:20261218T113000Z\nDTEND:20270103T113000Z',
      '2026-12-19 2027-01-03',
    ],
    ['times of UTC', 'DTSTART:20261218T230000Z\nDTEND:20270103T230000Z', '2026-12-19 2027-01-03'],
    [
      'times of a zone',
      'DTSTART;TZID=America/Guadeloupe:20261219T000000\nDTEND;TZID=America/Guadeloupe:20270104T000000',
      '2026-12-19 2027-01-03',
    ],
  ])('with %s is understood in days of the school', (_, event, days) => {
    expect(summary(ics(event))).toEqual([`${days} null`])
  })

  it('leaves out what was called off, and what leaves every day its school, and counts it', () => {
    const night = 'DTSTART:20261218T180000\nDTEND:20261219T080000'
    expect(read(ics(NOEL, `${NOEL}\nSTATUS:CANCELLED`, night))).toMatchObject({
      ok: true,
      skipped: 2,
      holidays: [{ first: '2026-12-19' }],
    })
    expect(summary(ics(`${NOEL}\nSTATUS:CANCELLED`))).toEqual(['null: holds no holiday'])
  })

  it('writes down what repeats for three years from now, and not what is over', () => {
    const mayDay = 'DTSTART;VALUE=DATE:20000501\nRRULE:FREQ=YEARLY\nSUMMARY:May Day'
    expect(summary(ics(mayDay))).toEqual([
      '2027-05-01 2027-05-01 May Day',
      '2028-05-01 2028-05-01 May Day',
      '2029-05-01 2029-05-01 May Day',
    ])
    const until = 'DTSTART;VALUE=DATE:20260902\nRRULE:FREQ=WEEKLY;UNTIL=20261209'
    expect(summary(ics(until)).map((one) => one.slice(0, 10))).toEqual([
      '2026-11-25',
      '2026-12-02',
      '2026-12-09',
    ])
  })

  it('takes exceptions of what repeats: left out, called off, moved', () => {
    const weekly = 'DTSTART;VALUE=DATE:20261202\nRRULE:FREQ=WEEKLY;COUNT=4\nSUMMARY:Day off'
    const first = (event: string[]) => summary(ics(...event)).map((one) => one.slice(0, 10))
    expect(first([`${weekly}\nEXDATE;VALUE=DATE:20261209`])).toEqual([
      '2026-12-02',
      '2026-12-16',
      '2026-12-23',
    ])
    const change = 'RECURRENCE-ID;VALUE=DATE:20261209\nDTSTART;VALUE=DATE:'
    expect(first([weekly, `${change}20261210`])).toContain('2026-12-10')
    expect(first([weekly, `${change}20261210`])).not.toContain('2026-12-09')
    expect(first([weekly, `${change}20261209\nSTATUS:CANCELLED`])).toHaveLength(3)
  })

  it.each([
    ['YEARLY;BYMONTH=2;BYMONTHDAY=29', ['2028-02-29']],
    ['YEARLY;BYMONTH=1,2;BYMONTHDAY=30', ['2027-01-30', '2028-01-30', '2029-01-30']],
    ['YEARLY;COUNT=2', ['2027-01-01', '2028-01-01']],
    ['YEARLY;COUNT=999999999999', ['2027-01-01', '2028-01-01', '2029-01-01']],
    ['DAILY;INTERVAL=99999999999999999999', ['2027-01-01']],
    ['WEEKLY;INTERVAL=1000000000', ['2027-01-01']],
    ['MONTHLY;INTERVAL=1000000000;BYDAY=-1FR', ['2027-01-29']],
    ['YEARLY;INTERVAL=2', ['2027-01-01', '2029-01-01']],
    ['YEARLY;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=1', ['2027-11-02']],
    ['YEARLY;BYDAY=-1MO;COUNT=2', ['2027-12-27', '2028-12-25']],
    ['YEARLY;BYMONTH=5,9;BYDAY=1MO;COUNT=3', ['2027-05-03', '2027-09-06', '2028-05-01']],
    ['MONTHLY;BYDAY=5MO;COUNT=3', ['2027-03-29', '2027-05-31', '2027-08-30']],
    ['MONTHLY;BYMONTHDAY=-31,15;COUNT=3', ['2027-01-01', '2027-01-15', '2027-02-15']],
    ['MONTHLY;INTERVAL=2;UNTIL=20270501', ['2027-01-01', '2027-03-01', '2027-05-01']],
    ['DAILY;BYMONTH=3;BYMONTHDAY=-31,31;COUNT=2', ['2027-03-01', '2027-03-31']],
    ['DAILY;INTERVAL=10;UNTIL=20270112T080000Z', ['2027-01-01', '2027-01-11']],
    ['WEEKLY;INTERVAL=2;BYDAY=FR,SU;COUNT=4', ['2027-01-01', '2027-01-03', '2027-01-15']],
    ['WEEKLY;INTERVAL=2;BYDAY=FR,SU;WKST=SU;COUNT=3', ['2027-01-01', '2027-01-10']],
  ])('repeats as its rule says: FREQ=%s', (rule, days) => {
    const event = `DTSTART;VALUE=DATE:20270101\nRRULE:FREQ=${rule}`
    const firsts = summary(ics(event)).map((one) => one.slice(0, 10))
    expect(firsts.slice(0, days.length)).toEqual(days)
    expect(firsts.length - days.length).toBe(/FR,SU/.test(rule) ? 1 : 0)
  })

  it('ends at once with any rule, which gives days or is refused', () => {
    const list = (values: fc.Arbitrary<string>) =>
      fc.option(fc.array(values, { minLength: 1, maxLength: 3 }).map(String), { nil: '' })
    const ints = (min: number, max: number) => list(fc.integer({ min, max }).map(String))
    const days = list(
      fc
        .tuple(fc.constantFrom('', '1', '5', '-1', '-5', '53'), fc.constantFrom('MO', 'FR', 'SU'))
        .map((parts) => parts.join('')),
    )
    const huge = fc.constantFrom('', '1', '2', '24', '52', '1000', '4294967296', '9'.repeat(30))
    const parts = fc.record({
      BYMONTH: ints(1, 12),
      BYMONTHDAY: ints(-31, 31),
      BYDAY: days,
      INTERVAL: huge,
      COUNT: huge,
    })
    const frequency = fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY')
    fc.assert(
      fc.property(
        frequency,
        parts,
        fc.constantFrom('19500101', '20270131'),
        (freq, more, first) => {
          const said = Object.entries(more).filter(([, value]) => value !== '')
          const rule = said.map(([name, value]) => `;${name}=${value}`).join('')
          const result = read(ics(`DTSTART;VALUE=DATE:${first}\nRRULE:FREQ=${freq}${rule}`))
          expect(result.ok ? result.holidays.length : result.problems.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('takes single dates beside its first', () => {
    const dates = 'DTSTART;VALUE=DATE:20270101\nRDATE;VALUE=DATE:20270204,20270305'
    expect(summary(ics(dates)).map((one) => one.slice(0, 10))).toEqual([
      '2027-01-01',
      '2027-02-04',
      '2027-03-05',
    ])
  })

  it.each([
    [
      'a date that there is not',
      'DTSTART;VALUE=DATE:20261319',
      '4: the event "x" DTSTART "2026-13-19" is not a date',
    ],
    [
      'a 29 February of another year',
      'DTSTART;VALUE=DATE:20270228\nDTEND;VALUE=DATE:20270229',
      '4: the event "x" DTEND "2027-02-29" is not a date',
    ],
    ['no beginning', 'DTEND;VALUE=DATE:20270229', '4: the event "x" has no DTSTART'],
    [
      'an end before its beginning',
      'DTSTART;VALUE=DATE:20270517\nDTEND;VALUE=DATE:20270510',
      '4: the event "x" ends before it begins',
    ],
    [
      '121 days',
      'DTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20270502',
      '4: the event "x" 2027-01-01 to 2027-05-01 is 121 days: at most 120',
    ],
    [
      'a year too early',
      'DTSTART;VALUE=DATE:19991231',
      '4: the event "x" 1999-12-31 is not between 2000 and 2100',
    ],
    [
      'a year too late',
      'DTSTART;VALUE=DATE:21010101',
      '4: the event "x" 2101-01-01 is not between 2000 and 2100',
    ],
    [
      'an hourly rule',
      'DTSTART:20270101T000000\nRRULE:FREQ=HOURLY',
      '4: the event "x" repeats "hourly": at most daily',
    ],
    ...[
      ['DAILY;BYSECOND=1', 'repeats daily by "BYSECOND", which is not taken'],
      ['MONTHLY;BYDAY=MO;BYSETPOS=1', 'repeats monthly by "BYSETPOS", which is not taken'],
      ['YEARLY;BYWEEKNO=7', 'repeats yearly by "BYWEEKNO", which is not taken'],
      ['YEARLY;BYYEARDAY=7', 'repeats yearly by "BYYEARDAY", which is not taken'],
      ['YEARLY;BYEASTER=1', 'repeats yearly by "BYEASTER", which is not taken'],
      ['DAILY;BYDAY=5MO', 'repeats daily by "BYDAY=5MO", which is not taken'],
      ['WEEKLY;BYDAY=FR,-1MO', 'repeats weekly by "BYDAY=-1MO", which is not taken'],
      ['WEEKLY;BYMONTHDAY=3', 'repeats weekly by "BYMONTHDAY", which is not taken'],
      ['DAILY\nRRULE:FREQ=YEARLY', 'repeats by two rules'],
      ['DAILY;COUNT=0', 'repeats 0 times'],
      ...[
        'DAILY;BYMONTH=2;BYMONTHDAY=30',
        'YEARLY;BYMONTH=2;BYMONTHDAY=30',
        'MONTHLY;BYMONTH=2;BYMONTHDAY=-30',
        'YEARLY;BYMONTH=2,4;BYMONTHDAY=31,0',
        'MONTHLY;BYMONTH=2;BYDAY=6MO',
        'YEARLY;BYMONTH=5;BYDAY=5MO;BYMONTHDAY=1',
        'DAILY;INTERVAL=7;BYDAY=WE',
        'MONTHLY;INTERVAL=24;BYMONTH=5',
      ].map((rule) => [rule, 'repeats on no day before 2029-11-26']),
    ].map(([rule, problem]) => [
      `RRULE:FREQ=${rule}`,
      `DTSTART;VALUE=DATE:20270101\nRRULE:FREQ=${rule}`,
      `4: the event "x" ${problem}`,
    ]),
    [
      'a rule from long ago',
      'DTSTART;VALUE=DATE:18000101\nRRULE:FREQ=DAILY',
      '4: the event "x" repeats from 1800-01-01: at most from 1950-01-01',
    ],
    [
      'periods for dates',
      'DTSTART:20270101T080000\nRDATE;VALUE=PERIOD:20270102T080000/PT1H',
      '4: the event "x" has an RDATE that is no date',
    ],
  ])('is refused for %s, and says where', (_, event, problem) => {
    const events = problem.startsWith('4:') ? [`${event}\nSUMMARY:x`] : [event]
    expect(summary(ics(...events))).toEqual([problem])
    expect(summary(ics(NOEL, ...events))).toEqual([problem.replace('4:', '10:')])
  })

  it('takes 120 days, and 500 events, and no more', () => {
    const long = 'DTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20270501'
    expect(summary(ics(long))).toEqual(['2027-01-01 2027-04-30 null'])
    const many = (count: number) =>
      Array.from(
        { length: count },
        (_, i) => `DTSTART;VALUE=DATE:${dayAfter('2027-01-01', i).replaceAll('-', '')}`,
      )
    expect(summary(ics(...many(500)))).toHaveLength(500)
    expect(summary(ics(...many(501)))).toEqual(['null: has more than 500 events'])
    const daily = 'DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=DAILY'
    expect(summary(ics(daily))).toEqual(['null: has more than 500 holidays'])
  })

  it('is refused whole when it is none, whatever it holds', () => {
    expect(summary('BEGIN:VCALENDAR\nnonsense')[0]).toMatch(
      /^null: is not a calendar that can be read/,
    )
    expect(summary(ics('DTSTART:garbage'))[0]).toMatch(/^(null|4): /)
    fc.assert(
      fc.property(fc.string(), (noise) => {
        expect(read(`BEGIN:VCALENDAR\n${noise}`).ok).toBe(false)
      }),
    )
  })
})

describe('a list of dates', () => {
  it('is read as schools write it', () => {
    const list = [
      'first;last;name',
      '2026-12-19 2027-01-03 Vacances de Noël # two weeks',
      '# a bridge',
      '',
      '14/05/2027',
      '"06/02/2027";"21/02/2027"',
      '\t2027-04-03,2027-04-18,Printemps',
    ].join('\r\n')
    expect(summary(`\ufeff${list}`)).toEqual([
      '2026-12-19 2027-01-03 Vacances de Noël',
      '2027-02-06 2027-02-21 null',
      '2027-04-03 2027-04-18 Printemps',
      '2027-05-14 2027-05-14 null',
    ])
  })

  it('names each bad line with its number, and is not taken', () => {
    const list = [
      '2026-12-19 2027-01-03',
      '2027-02-30',
      '31/04/2027;05/05/2027',
      'next week',
      '2027-01-03 2026-12-19',
      '2027-01-01 2027-05-01',
      '2027-02-06 - 2027-02-21',
      '1999-01-01',
      '2027-05-14 2027-13-01',
    ].join('\n')
    expect(summary(list)).toEqual([
      '2: "2027-02-30" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
      '3: "31/04/2027" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
      '4: "next week" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
      '5: ends on 2026-12-19, before it begins on 2027-01-03',
      '6: 2027-01-01 to 2027-05-01 is 121 days: at most 120',
      '7: has another date further on: write the first day and the last, then the name',
      '8: 1999-01-01 is not between 2000 and 2100',
      '9: "2027-13-01" is not a date (YYYY-MM-DD or DD/MM/YYYY)',
    ])
  })

  it('holds each holiday once, and something', () => {
    expect(summary('2027-05-14\n2027-05-14\n')).toEqual(['2027-05-14 2027-05-14 null'])
    expect(summary('# nothing\n')).toEqual(['null: holds no holiday'])
    expect(summary('')).toEqual(['null: holds no holiday'])
  })
})

describe('holidays', () => {
  it('go on over the weekend that follows them', () => {
    const [one] = holidaysIn([['2026-12-19', '2027-01-01']], PARIS)
    expect(one).toEqual({
      fromMs: Date.parse('2026-12-19T00:00:00+01:00'),
      toMs: Date.parse('2027-01-04T00:00:00+01:00'),
      firstDayEndMs: Date.parse('2027-01-05T00:00:00+01:00'),
    })
    const [tuesday] = holidaysIn([['2027-05-11', '2027-05-11']], PARIS)
    expect(tuesday?.toMs).toBe(Date.parse('2027-05-12T00:00:00+02:00'))
  })
})

describe('a calendar of an establishment', () => {
  it('is kept and removed, each with its audit entry', async () => {
    const { store } = await temporaryStore()
    const random = { bytes: (size: number) => crypto.getRandomValues(new Uint8Array(size)) }
    const deps = { store, clock: () => NOW, random } as unknown as Deps
    const days = [
      ['2026-12-19', '2027-01-03'],
      ['2027-02-06', '2027-02-21'],
    ] as const
    await saveCalendar(deps, '0750001A', days, 'cli:a')
    expect(await store.calendars.list()).toEqual([
      { establishment: '0750001A', atMs: NOW, by: 'cli:a', days },
    ])
    expect(await removeCalendar(deps, '0750001A', 'cli:b')).toBe(true)
    expect(await removeCalendar(deps, '0750001A', 'cli:b')).toBe(false)
    const entries = await store.audit.list({}, 10)
    expect(entries.map(({ act, actor, detail }) => [act, actor, detail])).toEqual([
      ['calendar_removed', 'cli:b', { establishment: '0750001A' }],
      [
        'calendar_saved',
        'cli:a',
        { establishment: '0750001A', holidays: 2, first: '2026-12-19', last: '2027-02-21' },
      ],
    ])
  })
})

describe('what a calendar says and may not mean', () => {
  const doubts = (...lines: string[]): string[] => {
    const result = read(lines.join('\n'))
    return result.ok ? holidayDoubts(result.holidays) : ['not read']
  }

  it.each([
    ['2027-07-03 Début des Vacances d’Été', 'tells when a holiday begins'],
    ['2027-08-31 Prérentrée des enseignants', 'tells when school begins again'],
    ['2027-08-31 Pré-rentrée', 'tells when school begins again'],
    ['2027-09-01 RENTRÉE scolaire', 'tells when school begins again'],
    ['2027-01-04 Reprise des cours', 'tells when school begins again'],
  ])('is doubted of %j', (line, doubt) => {
    expect(doubts(line)).toEqual([expect.stringContaining(doubt)])
  })

  it('is not doubted of holidays of several days, or of other names', () => {
    expect(
      doubts(
        '2027-07-03 2027-08-31 Début de l’été',
        '2027-05-07 Pont',
        '2027-05-08',
        '2027-05-10 Début',
      ),
    ).toHaveLength(1)
    expect(doubts('2027-05-07 Débutants', '2027-05-08 Jour de rentrée')).toEqual([])
  })

  it('is doubted where no zone has all of its holidays', () => {
    const hiver = '2027-02-06 2027-02-21 Hiver - Zone A'
    expect(doubts(hiver, '2027-02-20 2027-03-07 Hiver (zone B)')).toEqual([
      expect.stringContaining('several zones (A, B)'),
    ])
    expect(
      doubts(hiver, '2026-12-19 2027-01-03 Noël - Zones A, B et C', '2027-05-07 Pont'),
    ).toEqual([])
  })
})

describe('a list of something else', () => {
  it('is told from a list of dates with a wrong line', () => {
    const other = 'null: is neither a calendar (ICS) nor a list of dates'
    expect(summary('E1;lea;student\n')[0]).toBe(other)
    expect(summary('1;lea;2012-09-03\n')[0]).toBe(other)
    expect(summary('2027-02-30\n')).toHaveLength(1)
    expect(summary('next week\n2027-05-07\n')).toHaveLength(1)
  })
})
