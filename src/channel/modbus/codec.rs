//! Questions and answers of Modbus as bytes, by the crate for it, which is used here and nowhere else.
//!
//! A context of that crate takes the first frame that comes for the answer. So it gets none that was not looked at before,
//! and it lives for one frame: what it would remember of earlier ones is thrown away with it. Only functions that read are
//! called; those that write are not named anywhere in this program, which `tests/architecture.rs` sees to.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_modbus::client::{Context, Reader, rtu, tcp};
use tokio_modbus::{ExceptionCode, Slave};

use super::registers::{Function, RegisterRefusal};
use crate::config::Framing;

/// A question as it is coded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coded {
    pub(super) framing: Framing,
    pub(super) unit: u8,
    pub(super) function: Function,
    pub(super) start: u16,
    pub(super) count: u16,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Registers; none for bits.
    Words(Vec<u16>),
    Refused(RegisterRefusal),
}

impl Coded {
    /// The question as bytes. `None` when it cannot be coded.
    pub(super) async fn question(self) -> Option<Vec<u8>> {
        let (near, far) = duplex(ROOM);
        let mut context = self.context(near);
        tokio::select! {
            biased;
            // It cannot end before the question was taken.
            _ = self.call(&mut context) => None,
            question = taken(self.length(), far) => question.map(|(question, _)| question),
        }
    }

    /// What an answer says that was found to be one to this question. `None` when it is none after all.
    pub(super) async fn answer(self, answer: &[u8]) -> Option<Said> {
        let (near, far) = duplex(ROOM);
        let mut context = self.context(near);
        let give = async {
            let Some((question, mut far)) = taken(self.length(), far).await else { return };
            let mut answer = answer.to_vec();
            if self.framing == Framing::ModbusTcp {
                // Each context counts its questions from the beginning; the line has its own numbers.
                answer.iter_mut().zip(question).take(NUMBER).for_each(|(byte, own)| *byte = own);
            }
            // A context that has gone has said why.
            let _ = far.write_all(&answer).await;
            let _ = far.shutdown().await;
        };
        let (said, ()) = tokio::join!(self.call(&mut context), give);
        said
    }

    async fn call(self, context: &mut Context) -> Option<Said> {
        let Self { function, start, count, .. } = self;
        let bits = |said: Result<Vec<bool>, ExceptionCode>| said.map(|_| Vec::new());
        let said = match function {
            Function::Coils => context.read_coils(start, count).await.map(bits),
            Function::Bits => context.read_discrete_inputs(start, count).await.map(bits),
            Function::Holding => context.read_holding_registers(start, count).await,
            Function::Input => context.read_input_registers(start, count).await,
        };
        // The transport is memory: what fails is the form of the answer.
        Some(match said.ok()? {
            Ok(words) => Said::Words(words),
            Err(code) => Said::Refused(RegisterRefusal::new(code.into())),
        })
    }

    fn context(self, end: DuplexStream) -> Context {
        match self.framing {
            Framing::Bus => rtu::attach_slave(end, Slave(self.unit)),
            Framing::ModbusTcp => tcp::attach_slave(end, Slave(self.unit)),
        }
    }

    /// How long a question is.
    const fn length(self) -> usize {
        match self.framing {
            Framing::Bus => 8,
            Framing::ModbusTcp => 12,
        }
    }
}

/// What a context has written, and the end that it is to be answered by.
async fn taken(length: usize, mut far: DuplexStream) -> Option<(Vec<u8>, DuplexStream)> {
    let mut question = vec![0; length];
    far.read_exact(&mut question).await.ok()?;
    Some((question, far))
}

/// How many bytes the number of a frame has. [Modbus TCP 3.1.3]
const NUMBER: usize = 2;
/// More than any frame.
const ROOM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::check_bytes;

    fn coded(framing: Framing, function: Function) -> Coded {
        Coded { framing, unit: 17, function, start: 0x006B, count: 3 }
    }

    #[tokio::test]
    async fn questions_are_coded_as_the_standard_has_them() {
        // [Modbus 6.3], the example.
        let question = coded(Framing::Bus, Function::Holding).question().await.unwrap();
        assert_eq!(question, [0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87]);
        let question = coded(Framing::ModbusTcp, Function::Input).question().await.unwrap();
        assert_eq!(question, [0, 0, 0, 0, 0, 6, 0x11, 0x04, 0x00, 0x6B, 0x00, 0x03]);
        for (function, code) in [(Function::Coils, 1), (Function::Bits, 2)] {
            assert_eq!(coded(Framing::Bus, function).question().await.unwrap()[1], code);
        }
    }

    /// Why no context of the crate is left alone with a line.
    #[tokio::test(start_paused = true)]
    async fn f05_the_crate_by_itself_takes_an_old_answer_for_the_new_one() {
        let (near, mut far) = duplex(ROOM);
        let mut context = rtu::attach_slave(near, Slave(17));
        let limit = std::time::Duration::from_secs(1);
        let first = tokio::time::timeout(limit, context.read_holding_registers(0x10, 1)).await;
        assert!(first.is_err(), "nobody answers");
        let late = [17, 3, 2, 0x11, 0x11];
        let late = [&late[..], &check_bytes(&late)[..]].concat();
        let (second, sent) = tokio::join!(context.read_holding_registers(0x20, 1), far.write_all(&late));
        sent.unwrap();
        assert_eq!(second.unwrap().unwrap(), [0x1111], "what register 16 holds, taken for register 32");
    }

    #[tokio::test]
    async fn answers_are_decoded_and_what_is_none_is_not() {
        let checked = |frame: &[u8]| [frame, &check_bytes(frame)[..]].concat();
        let data = [0x11, 0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64];
        let coded = coded(Framing::Bus, Function::Holding);
        assert_eq!(coded.answer(&checked(&data)).await, Some(Said::Words(vec![0x022B, 0, 0x64])));
        let refusal = Some(Said::Refused(RegisterRefusal::new(2)));
        assert_eq!(coded.answer(&checked(&[0x11, 0x83, 0x02])).await, refusal);
        // Of another unit, by another function, damaged, cut off, nothing.
        assert_eq!(coded.answer(&checked(&[0x12, 0x03, 0x02, 0, 1])).await, None);
        assert_eq!(coded.answer(&checked(&[0x11, 0x04, 0x02, 0, 1])).await, None);
        assert_eq!(coded.answer(&data).await, None);
        assert_eq!(coded.answer(&data[..4]).await, None);
        assert_eq!(coded.answer(&[]).await, None);
        let coded = Coded { framing: Framing::ModbusTcp, ..coded };
        // The number is the line's own.
        let answer = [&[0xAB, 0xCD, 0, 0, 0, 9], &data[..]].concat();
        assert_eq!(coded.answer(&answer).await, Some(Said::Words(vec![0x022B, 0, 0x64])));
    }
}
