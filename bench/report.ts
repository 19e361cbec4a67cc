import { readFileSync } from 'node:fs'

/** The value below which the part `q` of the values lies; rounded, 0 without values. */
export const quantile = (values: readonly number[], q: number, digits = 0): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0
  return Math.round(value * 10 ** digits) / 10 ** digits
}

export const markdownTable = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [header, header.map(() => '---'), ...rows].map(line).join('\n')
}

const KIB_PER_MIB = 1024

/** Memory that a process occupies now, MiB; 0 when it is gone (proc(5), `VmRSS` in kB). */
export const residentMib = (pid: number): number => {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kib) / KIB_PER_MIB)
  } catch {
    return 0 // It ended between two looks.
  }
}

/** The most memory that this process has occupied, MiB (proc(5), `VmHWM` in kB). */
export const peakMib = (): number => {
  const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Math.round(Number(kib) / KIB_PER_MIB)
}

/** Clock ticks a second of `/proc` (`sysconf(_SC_CLK_TCK)`): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU time that a process has used, all threads, in ms (proc(5), fields 14 and 15 of `stat`). */
export const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND
}
