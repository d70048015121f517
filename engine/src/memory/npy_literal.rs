//! The Python literal in a `.npy` header: one flat dictionary, read without recursion.
//!
//! It is not a Python parser: it knows texts, `True`, `False` and tuples of whole numbers, and
//! skips over lists (the type of a structured array) and other tuples (that of a sub-array), which
//! its caller refuses anyway. Escapes in texts are left as they are: nothing that is read has any.

/// The most entries that are read: a header has three.
const ENTRIES_MAX: usize = 8;
/// The most numbers of a tuple that are read: numpy's arrays have up to 64 dimensions.
const INTEGERS_MAX: usize = 64;

/// One entry of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Literal,
    /// The byte of the text where the value begins.
    pub(crate) at: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    Bool(bool),
    Integers(Vec<usize>),
    /// A list, skipped.
    List,
    /// A tuple of other things than numbers, skipped.
    Tuple,
}

impl Literal {
    /// What it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Literal::Text(text) => format!("the text '{text}'"),
            Literal::Bool(value) => format!("the truth value {value}"),
            Literal::Integers(values) => format!("a tuple of {} numbers", values.len()),
            Literal::List => "a list".into(),
            Literal::Tuple => "a tuple of other things than numbers".into(),
        }
    }
}

/// What is wrong, and at which byte of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiteralError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// The entries of a dictionary such as `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4),
/// }`.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Entry>, LiteralError> {
    let mut reader = Reader { text, at: 0 };
    let mut entries = Vec::new();
    reader.expect(b'{')?;
    loop {
        if reader.takes(b'}') {
            break;
        }
        let key = reader.text()?;
        reader.expect(b':')?;
        reader.peek();
        let at = reader.at;
        let value = reader.value()?;
        if entries.len() == ENTRIES_MAX {
            return Err(LiteralError { at, message: "there are too many entries".into() });
        }
        entries.push(Entry { key, value, at });
        if !reader.takes(b',') {
            reader.expect(b'}')?;
            break;
        }
    }
    match reader.peek() {
        None => Ok(entries),
        Some(_) => Err(reader.error("nothing but blanks may follow the closing brace")),
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> LiteralError {
        LiteralError { at: self.at, message: message.into() }
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), LiteralError> {
        if self.takes(byte) {
            Ok(())
        } else {
            Err(self.error(format!("expected '{}'", char::from(byte))))
        }
    }

    fn text(&mut self) -> Result<String, LiteralError> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.error("expected a text in quotes"));
        };
        let start = self.at + 1;
        let mut escaped = false;
        let closes = |&byte: &u8| {
            let closes = byte == quote && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        };
        let Some(length) = self.text[start..].iter().position(closes) else {
            return Err(self.error("this text has no closing quote"));
        };
        self.at = start + length + 1;
        Ok(String::from_utf8_lossy(&self.text[start..start + length]).into_owned())
    }

    fn value(&mut self) -> Result<Literal, LiteralError> {
        match self.peek() {
            Some(b'\'' | b'"') => self.text().map(Literal::Text),
            Some(b'(') => self.tuple(),
            Some(b'[') => self.skip().map(|()| Literal::List),
            _ if self.word(b"True") => Ok(Literal::Bool(true)),
            _ if self.word(b"False") => Ok(Literal::Bool(false)),
            _ => Err(self.error("expected a text, True, False, a tuple or a list")),
        }
    }

    /// Of numbers, or skipped.
    fn tuple(&mut self) -> Result<Literal, LiteralError> {
        let start = self.at;
        self.expect(b'(')?;
        if let Some(b'\'' | b'"' | b'(' | b'[') = self.peek() {
            self.at = start;
            return self.skip().map(|()| Literal::Tuple);
        }
        self.integers().map(Literal::Integers)
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Up to the closing bracket of a tuple.
    fn integers(&mut self) -> Result<Vec<usize>, LiteralError> {
        let mut values = Vec::new();
        loop {
            if self.takes(b')') {
                return Ok(values);
            }
            if values.len() == INTEGERS_MAX {
                return Err(self.error(format!("a tuple of more than {INTEGERS_MAX} numbers")));
            }
            values.push(self.integer()?);
            if !self.takes(b',') {
                self.expect(b')')?;
                return Ok(values);
            }
        }
    }

    fn integer(&mut self) -> Result<usize, LiteralError> {
        self.peek();
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or("");
        let Ok(value) = text.parse() else {
            return Err(self.error("expected a whole number from 0 on that fits into 64 bits"));
        };
        self.at += digits;
        // Python 2 wrote long integers as 3L.
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        Ok(value)
    }

    /// Skips a list or tuple, to the bracket that closes it; brackets inside texts do not count.
    fn skip(&mut self) -> Result<(), LiteralError> {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                None => return Err(self.error("this list or tuple is not closed")),
                Some(b'\'' | b'"') => {
                    self.text()?;
                    continue;
                }
                Some(b'[' | b'(') => depth += 1,
                Some(b']' | b')') => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}
