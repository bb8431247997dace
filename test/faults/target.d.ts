export const WAYS: string[]
