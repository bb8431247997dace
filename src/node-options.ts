/** NODE_OPTIONS in words, as Node divides it: at blanks that do not stand in double quotes. These still stand in the words. */
export function wordsOf (nodeOptions: string): string[] {
  return nodeOptions.match(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g) ?? []
}

/** What Node makes of such a word. */
export function unquoted (word: string): string {
  return word.replaceAll('"', '')
}
