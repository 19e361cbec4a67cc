/** Who administers the sample school, and the PIN that they have at the first start. */
export const ADMINISTRATOR = { identifier: 'm.tanguy', pin: '4073' } as const
