/**
 * Text of a host's, or of a file's, as it may be shown: control characters, which a terminal would obey, as their
 * codes. Newlines and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\x${character.codePointAt(0)?.toString(16).padStart(2, "0")}`,
  );
}

/** `U+200B`: how a character is named that can't be seen. */
export function codePoint(character: string): string {
  return `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
}

const mostSaid = 2000;

/** What a host said of a failure, as part of an error: where it is too much to be read, its end, which tells most. */
export function excerpt(text: string): string {
  const said = text.trim();
  return said.length <= mostSaid ? said : `… ${said.slice(-mostSaid)}`;
}
