//! What is being asked: a request, or the commissioning order that is none.

use crate::address::{AddressField, AddressPattern, Target};
use crate::commissioning::WriteAddress;
use crate::control::Control;
use crate::data_id::DataId;
use crate::edition::Edition;
use crate::frame::{Frame, WAKE_UP};
use crate::password::SecretBytes;
use crate::request::{Kind, Request};
use crate::response::{Content, Response};

use super::counters::Unfit;
use super::expected::LengthRule;

#[derive(Clone, Debug)]
pub(super) enum Subject {
    Request(Request),
    WriteAddress(WriteAddress),
}

impl Subject {
    pub(super) const fn edition(&self) -> Edition {
        match self {
            Self::Request(request) => request.edition(),
            Self::WriteAddress(order) => order.edition(),
        }
    }

    /// Whose answer is awaited, wild bytes included.
    pub(super) const fn asked(&self) -> AddressField {
        match self {
            Self::Request(request) => request.address(),
            // The meter answers under its new address.
            Self::WriteAddress(order) => order.address().field(),
        }
    }

    pub(super) const fn changes_meter(&self) -> bool {
        match self {
            Self::Request(request) => request.changes_meter(),
            Self::WriteAddress(_) => true,
        }
    }

    pub(super) fn expects_answer(&self) -> bool {
        match self {
            Self::Request(request) => request.expects_answer(),
            Self::WriteAddress(_) => true,
        }
    }

    pub(super) const fn item(&self) -> Option<DataId> {
        match self {
            Self::Request(request) => request.item(),
            Self::WriteAddress(_) => None,
        }
    }

    /// The most data bytes of an answer of the standard.
    pub(super) fn longest_answer(&self) -> usize {
        match self {
            Self::Request(request) => request.longest_answer(),
            Self::WriteAddress(_) => 0,
        }
    }

    pub(super) const fn is_reread(&self) -> bool {
        matches!(self, Self::Request(request) if matches!(request.kind(), Kind::Reread))
    }

    /// True when further pieces are asked for and joined. Those of the security chip have no attested way to be
    /// asked for, and whoever asks for single pieces joins them himself.
    pub(super) const fn is_joined(&self) -> bool {
        let Self::Request(request) = self else { return false };
        matches!(request.kind(), Kind::Read { .. } | Kind::ReadBlocks { .. } | Kind::ReadSince { .. })
    }

    /// What is known about the length without being told.
    pub(super) fn length_rule(&self) -> LengthRule {
        let Self::Request(request) = self else { return LengthRule::Any };
        match request.kind() {
            Kind::Security { data, .. } => {
                data.answer_length().map_or(LengthRule::Any, |length| LengthRule::exact([length]))
            }
            _ => LengthRule::Any,
        }
    }

    /// What follows when there is more: the next piece, numbered in the 2007 edition.
    pub(super) fn next_piece(&self, item: DataId, sequence: core::num::NonZeroU8, who: AddressField) -> Self {
        // Once a meter has answered it is asked by its own address.
        let target = who.as_meter().map_or_else(|| target(self.asked()), Target::Meter);
        Self::Request(Request::read_subsequent(target, item, sequence))
    }

    /// How to ask for the same piece again: by 03H in the 1997 edition, where 02H would skip one.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Request(request) => match request.kind() {
                Kind::ReadSubsequent { sequence: None, .. } => {
                    Self::Request(Request::reread(target(request.address())))
                }
                _ => self.clone(),
            },
            Self::WriteAddress(_) => self.clone(),
        }
    }

    /// The bytes to send, and the frame among them.
    pub(super) fn wire(&self, wake_up_bytes: u8) -> SecretBytes {
        let mut wire = vec![WAKE_UP; wake_up_bytes.into()];
        match self {
            Self::Request(request) => request.emit(&mut wire),
            Self::WriteAddress(order) => wire.extend(order.to_bytes()),
        }
        SecretBytes(wire)
    }

    /// The content of `frame`, if its control code, form and identifier make it an answer.
    pub(super) fn understand<'a>(
        &self,
        frame: &Frame<'a>,
        reading: Option<DataId>,
    ) -> Result<Content<'a>, Unfit> {
        if !self.admits_control(frame.control) {
            return Err(Unfit::OtherFunction);
        }
        let content = Response::parse(self.edition(), frame).map_err(|_| Unfit::Malformed)?.content;
        match &content {
            // Asked for "the last answer" and nothing else, a meter may give any.
            Content::Data { item, .. } | Content::Piece { item, .. }
                if reading.is_some_and(|reading| reading != *item) =>
            {
                Err(Unfit::OtherItem)
            }
            Content::Piece { sequence, .. } if self.sequence() != Some(*sequence) => {
                Err(Unfit::WrongSequence)
            }
            _ if self.is_contradicted_by(&content, frame.address) => Err(Unfit::Contradiction),
            _ => Ok(content),
        }
    }

    fn admits_control(&self, control: Control) -> bool {
        match self {
            // "The last answer again" comes under either code.
            Self::Request(request) if matches!(request.kind(), Kind::Reread) => {
                matches!(control.0, 0x82 | 0xA2 | 0xC2) || request.admits_control(control)
            }
            Self::Request(request) => request.admits_control(control),
            Self::WriteAddress(order) => control == Control::answer(order.function()),
        }
    }

    const fn sequence(&self) -> Option<u8> {
        match self {
            Self::Request(request) => match request.kind() {
                Kind::ReadSubsequent { sequence: Some(sequence), .. } => Some(sequence.get()),
                _ => None,
            },
            Self::WriteAddress(_) => None,
        }
    }

    /// True when the meter confirms something else than what was asked of it.
    fn is_contradicted_by(&self, content: &Content<'_>, from: AddressField) -> bool {
        let Self::Request(request) = self else { return false };
        match (request.kind(), content) {
            (Kind::ReadAddress, Content::Address(address)) => {
                let differs = from.as_meter().is_some() && from != *address;
                differs || !request.address().admits(*address)
            }
            (Kind::ChangeRate { rate }, Content::Rate { word }) => {
                rate.word(request.edition()) != Some(*word)
            }
            (Kind::ChangePassword { new, .. }, Content::NewPassword(password)) => new != password,
            (Kind::MultifunctionOutput { output }, Content::Output { code }) => output.code() != *code,
            _ => false,
        }
    }
}

/// Whom an address field of a request names.
fn target(field: AddressField) -> Target {
    let pattern = || Target::Pattern(AddressPattern::from_field(field).unwrap_or(AddressPattern::ANY));
    field.as_meter().map_or_else(pattern, Target::Meter)
}
