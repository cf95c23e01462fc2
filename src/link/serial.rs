//! Serial ports.

use std::io;

use tokio_serial::{DataBits, ErrorKind, Parity, SerialPortBuilder, SerialPortBuilderExt, StopBits};

use super::{Link, LinkError, ParityBit};

/// Opens a port for this process alone.
pub(super) fn open(device: &str, baud: u32, parity: ParityBit) -> Result<Link, LinkError> {
    let port = settings(device, baud, parity).open_native_async();
    port.map(Link::Serial).map_err(|source| {
        let reason = match source.kind() {
            ErrorKind::NoDevice => "it is in use by another program, or gone",
            ErrorKind::Io(io::ErrorKind::NotFound) => "there is no such device: is the adapter plugged in?",
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                "no right to use it: the user must be in the group that owns the device, often dialout"
            }
            _ => "see the cause",
        };
        LinkError::OpenSerial { device: device.to_owned(), reason, source }
    })
}

/// Eight data bits, one stop bit. [645-2007 1]
fn settings(device: &str, baud: u32, parity: ParityBit) -> SerialPortBuilder {
    let parity = match parity {
        ParityBit::Even => Parity::Even,
        ParityBit::Odd => Parity::Odd,
        ParityBit::None => Parity::None,
    };
    tokio_serial::new(device, baud).data_bits(DataBits::Eight).parity(parity).stop_bits(StopBits::One)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_set_as_the_line_is() {
        // What a pseudo-terminal drops is seen in the settings handed over.
        let set = format!("{:?}", settings("/dev/ttyUSB0", 1200, ParityBit::Odd));
        for word in ["/dev/ttyUSB0", "1200", "Eight", "Odd", "One"] {
            assert!(set.contains(word), "{word} is not in {set}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_there_is_told_plainly() {
        let error = open("/dev/no-such-port", 2400, ParityBit::Even).unwrap_err();
        assert_eq!(error.kind(), "open_serial");
        assert!(error.to_string().contains("is the adapter plugged in?"), "{error}");
    }
}
