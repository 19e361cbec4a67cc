/** The code of an establishment (a UAI such as `0440001A`), in capitals; loose, as not all are French. */
export const isEstablishmentCode = (text: string): boolean => /^[0-9A-Z_-]{1,20}$/.test(text)
