export interface Found { numbers: number[], repeated: number, torn: string[], told: number, inOrder: boolean }
export function numbered (n: number, longBytes?: number): string
export function check (text: string, longBytes?: number): Found
